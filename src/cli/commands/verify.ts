// SPDX-License-Identifier: MIT
// `numashard verify`: where the pages of a running llama.cpp, or the cached pages of a model, lie by the kernel.

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { NumashardError } from '../../errors.js';
import { machineNodes } from '../../plan/machine-nodes.js';
import { renderVerification } from '../../report/verify-table.js';
import { reportPath } from '../../runtime/environment.js';
import type { PreloadReport } from '../../runtime/preload-report.js';
import { readReportOf } from '../../runtime/report-of-process.js';
import { readThreadMasks, topologyOf } from '../../runtime/thread-masks.js';
import { parseShardMap } from '../../shardmap/parse.js';
import { resolveShardMap } from '../../shardmap/resolve.js';
import { readTopology } from '../../topology/read-topology.js';
import { readThreads, ThreadSamples } from '../../verify/threads.js';
import type { Verification } from '../../verify/types.js';
import { findFaults } from '../../verify/verdict.js';
import { verifyCache } from '../../verify/verify-cache.js';
import { verifyProcess } from '../../verify/verify-process.js';
import type { CommandContext } from '../context.js';
import { defineCommand } from '../define-command.js';
import { type LookedAt, lookWithoutReport } from '../look-without-report.js';
import { openPageHelper } from '../open-helper.js';
import { openModel } from '../open-model.js';
import { offsetOption, positiveNumber } from '../options.js';
import { emit, type JsonOption } from '../output.js';
import { readReportedModels } from '../reported-model.js';
import { requireLinux } from '../require-linux.js';

interface Options extends JsonOption {
  readonly threads?: number;
  readonly map?: string;
  readonly report?: string;
  readonly roles?: boolean;
  readonly pages?: boolean;
  readonly offset?: number;
}

export function verifyCommand(context: CommandContext): Command {
  return defineCommand({
    name: 'verify',
    summary: "show where a running llama.cpp's weights and workers are, or a model's cached pages",
    examples: ['numashard verify 4242', 'numashard verify model.gguf --threads 32'],
  })
    .argument('<target>', 'a process id, or a GGUF file (of a split model any part)')
    .option('-t, --threads <n>', 'for a file: threads that it was placed for', positiveNumber)
    .option(
      '--map <map>',
      'for a file: the map to hold it against; default: *:cyclic(N) with --threads, else none',
    )
    .option('--report <file>', 'for a process: where it writes its report, if told so')
    .option('--roles', 'one line a role instead of one a tensor')
    .option('--pages', 'with --json: list the node of every page')
    .addOption(offsetOption())
    .action(async (target: string, options: Options) => {
      requireLinux('numashard verify', 'its kernel is asked where pages are');
      const { found, faults } = /^\d+$/.test(target)
        ? await verifyPid(context, Number(target), options)
        : await verifyFile(context, target, options);
      const document = { schema: 'numashard/verify/1' as const, ...found, faults };
      emit(context, options, document, () =>
        [
          renderVerification(found, options.roles ? 'roles' : 'tensors'),
          ...document.faults.map((f) => `FAILED: ${f}`),
        ].join('\n'),
      );
      if (document.faults.length > 0) context.endWith(1);
    });
}

interface Judged {
  readonly found: Verification;
  readonly faults: readonly string[];
}

/** Long enough to catch every worker of a busy server at work a few times. */
const sampleTimes = 20;
const samplePause = 50;

async function verifyPid(context: CommandContext, pid: number, options: Options): Promise<Judged> {
  refuseOptions(options, ['threads', 'map', 'offset'], 'a process');
  const topology = topologyOf(await readTopology(), await readThreadMasks(pid));
  const path = reportPath(options.report, context.runtimeDirectory, pid);
  const isStock = options.report === undefined && !existsSync(path);
  const { report, models } = isStock
    ? await lookWithoutReport(pid, topology, path)
    : await withModels(await readReportOf(pid, path));
  const samples = new ThreadSamples();
  for (let times = 0; times < sampleTimes; times++) {
    samples.add(await readThreads(pid));
    await sleep(samplePause);
  }
  const found = await verifyProcess({
    report,
    topology,
    helper: openPageHelper(context, topology.pageSize),
    samples,
    models,
    listsPages: options.pages === true,
  });
  // Under --numa distribute the rows are what the map is for.
  return { found, faults: findFaults(found, isStock && report.workers.length > 0) };
}

async function withModels(report: PreloadReport): Promise<LookedAt> {
  return { report, models: await readReportedModels(report) };
}

async function verifyFile(context: CommandContext, path: string, options: Options): Promise<Judged> {
  refuseOptions(options, ['report'], 'a file');
  const model = await openModel(path, options.offset);
  const topology = await readTopology();
  const machine = machineNodes(topology);
  const asked = options.map ?? (options.threads ? `*:cyclic(${options.threads})` : 'observe');
  const resolution = resolveShardMap(parseShardMap(asked, machine), model, {
    ...machine,
    workers: options.threads ?? 0,
    pageSize: topology.pageSize,
  });
  const found = await verifyCache(
    resolution,
    asked,
    openPageHelper(context, topology.pageSize),
    options.pages,
  );
  return { found, faults: findFaults(found) };
}

/** An option that could only be ignored is an error. */
function refuseOptions(options: Options, names: readonly (keyof Options)[], target: string): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given === undefined) return;
  throw new NumashardError('usage', `--${given} means nothing for ${target}`, {
    exitCode: 2,
    hint: 'numashard verify --help says what each option is for',
  });
}
