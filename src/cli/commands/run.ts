// SPDX-License-Identifier: MIT
// `numashard run`: an unmodified llama.cpp under the preload, watched, and what was found said at the end.
import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Command, Option } from 'commander';
import { NumashardError } from '../../errors.js';
import { count } from '../../report/text-table.js';
import { environmentNames, reportPath } from '../../runtime/environment.js';
import { openGate } from '../../runtime/gate.js';
import { type Ended, launch } from '../../runtime/launch.js';
import { readReportOf } from '../../runtime/report-of-process.js';
import { removeStaleReports } from '../../runtime/stale-reports.js';
import { readTopology } from '../../topology/read-topology.js';
import type { Topology } from '../../topology/types.js';
import { verifyProcess } from '../../verify/verify-process.js';
import { createWitness, type Witness } from '../../verify/witness.js';
import type { CommandContext } from '../context.js';
import { defineCommandWithChild } from '../define-command.js';
import { preloadValue, requirePreload } from '../native-parts.js';
import { openPageHelper } from '../open-helper.js';
import { positiveNumber, residencyOption, strategyOption } from '../options.js';
import { type PreparedCommand, type PrepareOptions, prepareCommand } from '../prepare-command.js';
import { readReportedModels } from '../reported-model.js';
import { requireLinux } from '../require-linux.js';
import { describeSightings, findRunFaults, type Watched, writeRunReport } from '../run-outcome.js';

interface Options extends PrepareOptions {
  readonly verify?: boolean;
  readonly report?: string;
  readonly pages?: boolean;
}

/** Ours failed, as env(1) has it. */
const oursFailed = 125;

export function runCommand(context: CommandContext): Command {
  return defineCommandWithChild({
    name: 'run',
    summary: 'run llama.cpp with every weight on the node of the thread that reads it',
    examples: [
      'numashard run -- llama-server -m model.gguf -t 32',
      'numashard run --verify -- llama-bench -m model.gguf -t 32',
      "numashard run --map '0-15:node1,16-31:node0' -- llama-server -m model.gguf -t 32",
      'numashard run -m model.gguf -t 32 -- ./my-server',
    ],
  })
    .addOption(
      new Option('--map <map>', 'a shard map, or the word observe; default: as plan chooses').conflicts([
        'plan',
        'strategy',
      ]),
    )
    .addOption(new Option('--plan <file>', 'a plan made by numashard plan --json').conflicts('strategy'))
    .addOption(strategyOption())
    .addOption(residencyOption())
    .option('-m, --model <file>', 'the model, where the command does not name it')
    .option('-t, --threads <n>', 'threads of llama.cpp, where the command does not say', positiveNumber)
    .option(
      '--verify',
      'after the last token ask the kernel where every page is; end with 125 where it is wrong',
    )
    .option('--report <file>', 'write what was found as JSON')
    .option('--pages', 'with --verify and --report: list the node of every page')
    .action((command: string[], options: Options) => run(context, command, options));
}

async function run(context: CommandContext, words: readonly string[], options: Options): Promise<void> {
  requireLinux('numashard run', 'it preloads a library into llama.cpp that places pages and pins threads');
  const say = (line: string): void => context.stderr(`numashard: ${line}\n`);
  if (options.report) await refuseUnwritable(options.report);
  const prepared = await prepareCommand(context, words, options, await readTopology());
  const { topology } = prepared;
  for (const note of prepared.notes) say(note);
  const isPlaced = Object.keys(prepared.environment).length > 0;
  if (options.verify && !isPlaced) say('nothing is placed, so there is nothing to verify');
  if (isPlaced) say(describeStart(prepared.environment, topology));
  const { ended, sightings, missed } = isPlaced
    ? await launchWatched(context, prepared, options)
    : { ended: await launch(prepared.argv, { env: context.env }), sightings: [], missed: [] };
  const isVerified = isPlaced && options.verify === true;
  const faults = isPlaced ? findRunFaults({ sightings, missed }, ended, isVerified) : [];
  for (const line of describeSightings({ sightings, faults }, isVerified)) context.stderr(`${line}\n`);
  for (const fault of faults) say(`FAILED: ${fault}`);
  if (options.report) await writeRunReport(options.report, { prepared, ended, faults, sightings, missed });
  context.endWith(ended.signal ?? ended.exitCode ?? oursFailed);
  if (faults.length > 0 && isVerified) context.endWith(oursFailed);
}

async function launchWatched(
  context: CommandContext,
  prepared: PreparedCommand,
  options: Options,
): Promise<Watched & { ended: Ended }> {
  const { env, runtimeDirectory } = context;
  const preload = requirePreload(context);
  const witness = openWitness(context, options, prepared.topology);
  const gate = await openGate((pid) => witness.visit(pid));
  const environment = {
    ...prepared.environment,
    [environmentNames.gate]: gate.path,
    LD_PRELOAD: preloadValue(preload, env['LD_PRELOAD']),
  };
  const started = new Date();
  let ended: Ended;
  let left: readonly number[];
  try {
    ended = await launch(prepared.argv, {
      env: { ...env, ...environment },
      onStart: (pid) => witness.watch(pid),
    });
  } finally {
    witness.stop();
    await gate.close();
    left = await removeStaleReports(runtimeDirectory, started);
  }
  const { sightings } = witness;
  const isMissed = (pid: number): boolean =>
    witness.pids.has(pid) && !sightings.some((sighting) => sighting.pid === pid);
  return { ended, sightings, missed: left.filter(isMissed) };
}

function openWitness(context: CommandContext, options: Options, topology: Topology): Witness {
  const { env, runtimeDirectory } = context;
  return createWitness({
    readReport: (pid) => readReportOf(pid, reportPath(env[environmentNames.report], runtimeDirectory, pid)),
    verify: options.verify
      ? async (report, samples) =>
          verifyProcess({
            report,
            topology,
            helper: openPageHelper(context, topology.pageSize),
            samples,
            models: await readReportedModels(report),
            listsPages: options.pages === true,
          })
      : null,
  });
}

/** A device or an existing file must itself be writable; for a new one its directory. */
async function refuseUnwritable(path: string): Promise<void> {
  try {
    const status = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
    if (status?.isDirectory()) throw Object.assign(new Error('it is a directory'), { code: 'EISDIR' });
    await access(status ? path : dirname(path), constants.W_OK);
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
  return `${count(nodes.length, 'node')}, map ${map}${threads ? `, workers ${threads} (node:workers)` : ''}`;
}
