// SPDX-License-Identifier: MIT
// `numashard place`: puts a model's page cache where a llama.cpp without us will read it.
import type { Command } from 'commander';
import { readGguf } from '../../gguf/read-gguf.js';
import { describeModel } from '../../model/describe-model.js';
import { formatBytes } from '../../report/text-table.js';
import { formatShare, renderTensors, rightBytes } from '../../report/verify-table.js';
import { type CachePlacement, placeCache } from '../../runtime/place-cache.js';
import { parseShardMap } from '../../shardmap/parse.js';
import { resolveShardMap } from '../../shardmap/resolve.js';
import { readTopology } from '../../topology/read-topology.js';
import { findFaults } from '../../verify/verdict.js';
import { machineNodes } from '../../verify/verify-process.js';
import type { CommandContext } from '../context.js';
import { defineCommand } from '../define-command.js';
import { openPageHelper } from '../open-helper.js';
import { wholeNumber } from '../options.js';
import { emit, type JsonOption } from '../output.js';
import { createProgressBar } from '../progress-bar.js';

interface Options extends JsonOption {
  readonly threads: number;
  readonly map?: string;
  readonly tensors?: boolean;
}

export function placeCommand(context: CommandContext): Command {
  return defineCommand({
    name: 'place',
    summary: "puts a model's page cache where a llama.cpp without numashard will read it",
    examples: [
      'numashard place model.gguf --threads 32',
      "numashard place model.gguf -t 32 --map '*:interleave(all)'",
    ],
  })
    .argument('<model>', 'a GGUF file')
    .requiredOption('-t, --threads <n>', 'threads that llama.cpp will run with', wholeNumber)
    .option('--map <map>', 'a shard map; default: *:cyclic(N), what --numa distribute -t N reads')
    .option('--tensors', 'list every tensor')
    .action((path: string, options: Options) => place(context, path, options));
}

async function place(context: CommandContext, path: string, options: Options): Promise<void> {
  const { threads, map: text = `*:cyclic(${threads})` } = options;
  const model = describeModel(await readGguf(path));
  const topology = await readTopology();
  const machine = machineNodes(topology);
  const resolution = resolveShardMap(parseShardMap(text, machine), model, {
    ...machine,
    workers: threads,
    pageSize: topology.pageSize,
  });
  const helper = openPageHelper(context, topology.pageSize);
  const bar = createProgressBar(context, 'placing');
  const placed = await placeCache({ model, resolution, helper, onProgress: bar.update });
  bar.end();
  const asked = { ...placed, map: text, rows: { byteLength: 0, localBytes: 0 } };
  const faults = findFaults(asked);
  const warnings = [
    ...resolution.warnings.map(({ code, message }) => ({ code, message })),
    ...faults.map((message) => ({ code: 'misplaced', message })),
    ...nodeWarnings(
      topology.nodes.map(({ id }) => id),
      machine.usableNodes,
    ),
  ];
  const command = [...programWords(path), '--numa', 'distribute', '-t', `${threads}`, '--no-repack'];
  const document = {
    schema: 'numashard/place/1' as const,
    pid: null,
    models: [{ id: 0, files: model.files.map((file) => file.path) }],
    map: text,
    residency: 'page-cache',
    method: 'move_pages',
    ggmlVersion: null,
    threads: 'assumed',
    workers: [],
    other: [],
    ...placed,
    movedPages: placed.pages.movedPages,
    command,
    warnings,
  };
  emit(context, options, document, () => renderPlaced(document, placed, options.tensors === true));
  if (faults.length > 0) context.endWith(1);
}

function programWords(path: string): string[] {
  return ['llama-server', '-m', path];
}

/** ggml counts nodes up to the first gap in their ids, and gives a node without CPUs an empty mask. */
function nodeWarnings(
  all: readonly number[],
  usable: readonly number[],
): { code: string; message: string }[] {
  const isPlain = all.every((id, index) => id === index) && usable.length === all.length && all.length <= 8;
  if (isPlain) return [];
  const message = `llama.cpp's --numa distribute counts nodes 0, 1, … up to the first gap, at most 8; this machine has ${all.join(', ')}: use numashard run`;
  return [{ code: 'distribute-miscounts', message }];
}

function renderPlaced(
  document: {
    readonly map: string;
    readonly command: readonly string[];
    readonly warnings: readonly { code: string; message: string }[];
  },
  placed: CachePlacement,
  listTensors: boolean,
): string {
  const { pages, placedBytes, seconds } = placed;
  const right = formatShare(rightBytes(placed), placedBytes);
  return [
    ...(listTensors ? [renderTensors(placed.tensors), ''] : []),
    `${formatBytes(placedBytes)}: ${right} where ${document.map} puts them (bound ${formatShare(placed.localShareBound, 1)}); ` +
      `pages read ${pages.readPages}, moved ${pages.movedPages}, dropped and read again ${pages.droppedPages}; ${seconds.toFixed(1)} s`,
    ...document.warnings.map(({ code, message }) => `warning: ${message} (${code})`),
    '',
    'Start llama.cpp with exactly this many threads, and without repacking (llama-bench: --repack 0):',
    `  ${document.command.join(' ')}`,
    'This does not help: tensors that llama.cpp repacks or copies, another number of threads, a run without --numa,',
    'and pages that another process has mapped. The cache keeps its places until the pages are dropped.',
  ].join('\n');
}
