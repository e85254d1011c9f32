// SPDX-License-Identifier: MIT
// `numashard run`: an unmodified llama.cpp under the preload, watched, and what was found said at the end.
import { access, constants, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { NumashardError } from '../../errors.js';
import { readGguf } from '../../gguf/read-gguf.js';
import { describeModel } from '../../model/describe-model.js';
import type { Model } from '../../model/types.js';
import type { StrategyName } from '../../plan/types.js';
import { formatBytes } from '../../report/text-table.js';
import { formatShare, renderVerification } from '../../report/verify-table.js';
import { readLlamaCommand } from '../../runtime/command.js';
import { environmentNames, reportPathFor } from '../../runtime/environment.js';
import { openGate } from '../../runtime/gate.js';
import { type Ended, launch } from '../../runtime/launch.js';
import { readReport } from '../../runtime/preload-report.js';
import { plannedEnvironment, prepareRun } from '../../runtime/prepare-run.js';
import { readTopology } from '../../topology/read-topology.js';
import type { Topology } from '../../topology/types.js';
import { findFaults } from '../../verify/verdict.js';
import { machineNodes, verifyProcess } from '../../verify/verify-process.js';
import { createWitness, type Sighting } from '../../verify/witness.js';
import type { CommandContext } from '../context.js';
import { defineCommandWithChild } from '../define-command.js';
import { preloadPath } from '../native-parts.js';
import { openPageHelper } from '../open-helper.js';
import { strategyOption } from '../options.js';
import { readReportedModel } from '../reported-model.js';

interface Options {
  readonly map?: string;
  readonly plan?: string;
  readonly strategy?: StrategyName;
  readonly verify?: boolean;
  readonly report?: string;
  readonly pages?: boolean;
}

/** Ours failed, as env(1) has it. */
const oursFailed = 125;

export function runCommand(context: CommandContext): Command {
  return defineCommandWithChild({
    name: 'run',
    summary: 'runs llama.cpp with every weight on the node of the thread that reads it',
    examples: [
      'numashard run -- llama-server -m model.gguf -t 32',
      'numashard run --verify -- llama-bench -m model.gguf -t 32',
      "numashard run --map '0-15:node1,16-31:node0' -- llama-server -m model.gguf -t 32",
    ],
  })
    .option('--map <map>', 'a shard map, or the word observe; default: as plan chooses')
    .option('--plan <file>', 'a plan made by numashard plan --json')
    .addOption(strategyOption())
    .option(
      '--verify',
      'after the last token ask the kernel where every page is; end with 125 where it is wrong',
    )
    .option('--report <file>', 'write what was found as JSON')
    .option('--pages', 'with --verify and --report: list the node of every page')
    .action((command: string[], options: Options) => run(context, command, options));
}

async function run(context: CommandContext, words: readonly string[], options: Options): Promise<void> {
  const say = (line: string): void => context.stderr(`numashard: ${line}\n`);
  if (options.report) await refuseUnwritable(options.report);
  const topology = await readTopology();
  const command = readLlamaCommand(words, context.env, { hardwareThreads: topology.limits.cpus.length });
  const prepared = prepareRun({
    command,
    model: await readModel(command.model?.value),
    topology,
    machine: machineNodes(topology),
    map: options.map ?? (options.strategy ? null : (context.env[environmentNames.map] ?? null)),
    planned: options.plan ? plannedEnvironment(await readFile(options.plan, 'utf8'), options.plan) : null,
    strategy: options.strategy ?? null,
  });
  for (const note of prepared.notes) say(note);
  if (Object.keys(prepared.environment).length === 0) {
    finish(context, await launch(prepared.argv, { env: context.env }));
    return;
  }
  const witness = createWitness({
    readReport: (pid) => readReport(reportPath(context, pid)),
    verify: options.verify
      ? async (report, samples) =>
          verifyProcess({
            report,
            topology,
            helper: openPageHelper(context, topology.pageSize),
            samples,
            model: await readReportedModel(report),
            listsPages: options.pages === true,
          })
      : null,
  });
  const preload = requirePreload(context);
  const gate = await openGate((pid) => witness.visit(pid));
  const environment = {
    ...prepared.environment,
    [environmentNames.gate]: gate.path,
    LD_PRELOAD: [preload, context.env['LD_PRELOAD']].filter(Boolean).join(':'),
  };
  say(describeStart(prepared.environment, topology));
  let ended: Ended;
  let child = 0;
  const onStart = (pid: number): void => {
    child = pid;
    witness.watch(pid);
  };
  try {
    ended = await launch(prepared.argv, { env: { ...context.env, ...environment }, onStart });
  } finally {
    witness.stop();
    await gate.close();
    // A process that was killed could not take its report with it.
    if (!context.env[environmentNames.report]) await rm(reportPath(context, child), { force: true });
  }
  const faults = judge(witness.sightings, ended, options.verify === true);
  describeEnd(witness.sightings, options.verify === true, context);
  for (const fault of faults) say(`FAILED: ${fault}`);
  if (options.report) await writeReport(options.report, witness.sightings, prepared, ended, faults);
  finish(context, ended);
  if (faults.length > 0 && options.verify && ended.exitCode === 0) context.endWith(oursFailed);
}

async function readModel(path: string | undefined): Promise<Model | null> {
  return path === undefined ? null : describeModel(await readGguf(path));
}

function reportPath({ env, runtimeDirectory }: CommandContext, pid: number): string {
  const asked = env[environmentNames.report];
  return asked ? reportPathFor(asked, pid) : join(runtimeDirectory, `${pid}.json`);
}

function requirePreload(context: CommandContext): string {
  const path = preloadPath(context);
  if (path !== null) return path;
  throw new NumashardError('native-missing', 'libnumashard.so is not built', {
    hint: 'npm run build compiles it with the machine’s cc',
    exitCode: oursFailed,
  });
}

async function refuseUnwritable(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK);
    await access(path, constants.W_OK).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new NumashardError('report-unwritable', `the report ${path} cannot be written (${code})`, {
      hint: 'nothing was started; name a file in a folder that exists and that you may write to',
      exitCode: oursFailed,
      cause,
    });
  }
}

function describeStart(environment: Readonly<Record<string, string>>, { nodes }: Topology): string {
  const map = environment[environmentNames.map];
  const threads = environment[environmentNames.threads];
  return `${nodes.length} nodes, map ${map}${threads ? `, workers ${threads} (node:workers)` : ''}`;
}

/** What is wrong; a process that died by itself is not judged. */
function judge(sightings: readonly Sighting[], { exitCode }: Ended, isVerified: boolean): string[] {
  if (exitCode !== 0) return [];
  if (sightings.length === 0) {
    return [
      'no hook fired: the program computed nothing with a shared libggml, or the preload did not reach it',
    ];
  }
  const last = sightings.at(-1);
  if (!isVerified || !last) return [];
  if (last.failure) return [last.failure instanceof Error ? last.failure.message : String(last.failure)];
  return last.verification ? findFaults(last.verification) : [];
}

function describeEnd(sightings: readonly Sighting[], isVerified: boolean, { stderr }: CommandContext): void {
  const last = sightings.at(-1);
  if (!last) {
    if (isVerified) stderr('numashard: not verified: the process ended before it could be looked at\n');
    return;
  }
  const { report, verification } = last;
  if (verification) {
    stderr(`\n${renderVerification(verification, 'roles')}\n`);
    return;
  }
  const share = formatShare(report.placedBytes - report.misplacedBytes, report.placedBytes);
  const where =
    report.map === 'observe' ? 'observed, nothing changed' : `${share} placed as ${report.map} says`;
  stderr(
    `numashard: ${formatBytes(report.placedBytes)} of weights: ${where}; --verify asks the kernel once more\n`,
  );
  for (const { code, message } of report.warnings) stderr(`numashard: ${message} (${code})\n`);
}

async function writeReport(
  path: string,
  sightings: readonly Sighting[],
  {
    argv,
    environment,
  }: { readonly argv: readonly string[]; readonly environment: Readonly<Record<string, string>> },
  ended: Ended,
  faults: readonly string[],
): Promise<void> {
  const last = sightings.at(-1);
  const document = {
    schema: 'numashard/run/1',
    command: argv,
    environment,
    ended,
    faults,
    verified: last?.verification != null,
    ...(last?.report ?? {}),
    ...(last?.verification ?? {}),
  };
  await writeFile(path, `${JSON.stringify({ ...document, schema: 'numashard/run/1' })}\n`, { mode: 0o600 });
}

function finish(context: CommandContext, { exitCode, signal }: Ended): void {
  context.endWith(signal ?? exitCode ?? oursFailed);
}
