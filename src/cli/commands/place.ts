// SPDX-License-Identifier: MIT
// `numashard place`: puts a model's page cache where a llama.cpp without us will read it.
import type { Command } from 'commander';
import { machineNodes } from '../../plan/machine-nodes.js';
import { formatBytes } from '../../report/text-table.js';
import { renderTensors } from '../../report/verify-table.js';
import type { PlacedPages } from '../../runtime/page-helper.js';
import { placeCache } from '../../runtime/place-cache.js';
import { parseShardMap } from '../../shardmap/parse.js';
import { resolveShardMap } from '../../shardmap/resolve.js';
import { readTopology } from '../../topology/read-topology.js';
import { formatShare, rightBytes } from '../../verify/totals.js';
import type { Verification } from '../../verify/types.js';
import { findFaults } from '../../verify/verdict.js';
import { verifyCache } from '../../verify/verify-cache.js';
import type { CommandContext } from '../context.js';
import { defineCommand } from '../define-command.js';
import { openPageHelper } from '../open-helper.js';
import { openModel } from '../open-model.js';
import { offsetOption, positiveNumber } from '../options.js';
import { emit, type JsonOption } from '../output.js';
import { createProgressBar } from '../progress-bar.js';
import { requireLinux } from '../require-linux.js';

interface Options extends JsonOption {
  readonly threads: number;
  readonly map?: string;
  readonly tensors?: boolean;
  readonly offset?: number;
}

export function placeCommand(context: CommandContext): Command {
  return defineCommand({
    name: 'place',
    summary: "put a model's page cache where a llama.cpp without numashard will read it",
    examples: [
      'numashard place model.gguf --threads 32',
      "numashard place model.gguf -t 32 --map '*:interleave(all)'",
    ],
  })
    .argument('<model>', 'a GGUF file; of a split model any part')
    .requiredOption('-t, --threads <n>', 'threads that llama.cpp will run with', positiveNumber)
    .option('--map <map>', 'a shard map; default: *:cyclic(N), what --numa distribute -t N reads')
    .option('--tensors', 'list every tensor')
    .addOption(offsetOption())
    .action((path: string, options: Options) => place(context, path, options));
}

async function place(context: CommandContext, path: string, options: Options): Promise<void> {
  requireLinux('numashard place', 'it moves the pages of its file cache');
  const { threads } = options;
  const usual = `*:cyclic(${threads})`;
  const { map: text = usual } = options;
  const isUsual = text.trim() === usual;
  const model = await openModel(path, options.offset);
  const topology = await readTopology();
  const machine = machineNodes(topology);
  const resolution = resolveShardMap(parseShardMap(text, machine), model, {
    ...machine,
    workers: threads,
    pageSize: topology.pageSize,
  });
  const helper = openPageHelper(context, topology.pageSize);
  const started = performance.now();
  const bar = createProgressBar(context, 'placing');
  const pages = await placeCache({ model, resolution, helper, onProgress: bar.update }).finally(bar.end);
  const found = await verifyCache(resolution, text, helper);
  const faults = findFaults(found);
  const warnings = [
    ...resolution.warnings.map(({ code, message }) => ({ code, message })),
    ...faults.map((message) => ({ code: 'misplaced', message })),
    ...(isUsual
      ? nodeWarnings(
          topology.nodes.map(({ id }) => id),
          machine.usableNodes,
        )
      : []),
  ];
  const document = {
    schema: 'numashard/place/1' as const,
    ...found,
    pages,
    movedPages: pages.movedPages,
    seconds: (performance.now() - started) / 1000,
    command: [
      ...['llama-server', '-m', model.files[0]?.path ?? path],
      ...(isUsual ? ['--numa', 'distribute'] : []),
      ...['-t', `${threads}`, '--no-repack'],
    ],
    warnings,
  };
  emit(context, options, document, () =>
    renderPlaced(document, options.tensors === true, isUsual ? usualAdvice : ownMapAdvice),
  );
  if (faults.length > 0) context.endWith(1);
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

interface PlacedDocument extends Verification {
  readonly pages: PlacedPages;
  readonly command: readonly string[];
}

/** Lines below the figures, given the command. */
type Advice = (command: string) => string[];

const usualAdvice: Advice = (command) => [
  'Start llama.cpp with exactly this many threads, and without repacking (llama-bench: --repack 0):',
  `  ${command}`,
  'This does not help: tensors that llama.cpp repacks or copies, another number of threads, a run without --numa,',
  'and pages that another process has mapped. The cache keeps its places until the pages are dropped.',
];

const ownMapAdvice: Advice = () => [
  'The pages lie as the map says, for any llama.cpp that maps the file (no repacking), until they are dropped.',
];

function renderPlaced(placed: PlacedDocument, listTensors: boolean, advise: Advice): string {
  const { pages, placedBytes, seconds, map, localShareBound, command, warnings, tensors } = placed;
  const right = formatShare(rightBytes(placed), placedBytes);
  const bound = formatShare(localShareBound, 1);
  return [
    ...(listTensors ? [renderTensors(tensors), ''] : []),
    `${formatBytes(placedBytes)}: ${right} where ${map} puts them (bound ${bound}), in ${seconds.toFixed(1)} s`,
    `pages read ${pages.readPages}, moved ${pages.movedPages}, dropped and read again ${pages.droppedPages}`,
    ...warnings.map(({ code, message }) => `warning: ${message} (${code})`),
    '',
    ...advise(command.join(' ')),
  ].join('\n');
}
