// SPDX-License-Identifier: MIT
// What `run` finds out before it starts anything: what the command says, what is planned for it, and whether the
// preload library will reach its program.
import { readFile } from 'node:fs/promises';
import { NumashardError } from '../errors.js';
import type { Model } from '../model/types.js';
import { machineNodes } from '../plan/machine-nodes.js';
import type { StrategyName } from '../plan/types.js';
import { readLlamaCommand } from '../runtime/command.js';
import type { LlamaCommand } from '../runtime/command-types.js';
import { readElf } from '../runtime/elf.js';
import { environmentNames, type Residency } from '../runtime/environment.js';
import { withFile } from '../runtime/find-program.js';
import { nameBeside } from '../runtime/named-beside.js';
import { type PreparedRun, plannedEnvironment, prepareRun } from '../runtime/prepare-run.js';
import { readProgramFacts } from '../runtime/program-facts.js';
import { checkReach } from '../runtime/program-reach.js';
import { limitTopology, wrapperLimits } from '../runtime/wrapper-limits.js';
import type { Topology } from '../topology/types.js';
import type { CommandContext } from './context.js';
import { helperPath, requirePreload } from './native-parts.js';
import { openModel } from './open-model.js';

export interface PrepareOptions {
  readonly map?: string;
  readonly plan?: string;
  readonly strategy?: StrategyName;
  readonly residency?: Residency;
  readonly model?: string;
  readonly threads?: number;
}

export interface PreparedCommand extends PreparedRun {
  /** The machine as the command sees it: behind taskset and numactl in the command. */
  readonly topology: Topology;
}

export async function prepareCommand(
  context: CommandContext,
  words: readonly string[],
  options: PrepareOptions,
  machine: Topology,
): Promise<PreparedCommand> {
  const { env, stderr } = context;
  const command = readLlamaCommand(words, env, { hardwareThreads: machine.limits.cpus.length });
  const named = nameBeside(command, options);
  const limits = wrapperLimits(command.wrappers);
  const topology = limitTopology(machine, limits);
  const isChosen = options.strategy !== undefined || options.plan !== undefined;
  const prepared = prepareRun({
    command,
    model: named.model === null ? null : await readModel(named.model, stderr),
    topology,
    machine: machineNodes(topology),
    limits,
    threads: named.threads,
    map: options.map ?? (isChosen ? null : env[environmentNames.map] || null),
    shares: env[environmentNames.threads] || null,
    planned: options.plan === undefined ? null : await readPlan(options.plan),
    strategy: options.strategy ?? null,
    residency: options.residency ?? null,
    ownResidency: env[environmentNames.residency] || null,
  });
  const isPlaced = Object.keys(prepared.environment).length > 0;
  const notes = isPlaced ? await checkProgram(context, command) : [];
  return { ...prepared, topology, notes: [...prepared.notes, ...notes] };
}

async function checkProgram(context: CommandContext, command: LlamaCommand): Promise<string[]> {
  const path = requirePreload(context);
  const library = await withFile(path, readElf);
  if (library === null)
    throw new NumashardError('native-missing', `${path} is no library`, { exitCode: 125 });
  const caller = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const readFacts = (program: string) => readProgramFacts(program, helperPath(context), caller);
  const { PATH } = context.env;
  return checkReach(command, { path: PATH, library, readFacts });
}

/** llama.cpp may know a file that we do not, and says better what is wrong with one that nobody can read. */
async function readModel(path: string, say: CommandContext['stderr']): Promise<Model | null> {
  try {
    return await openModel(path);
  } catch (thrown) {
    if (!(thrown instanceof NumashardError)) throw thrown;
    say(`numashard: going by tensor names alone: ${thrown.message}\n`);
    return null;
  }
}

async function readPlan(path: string): Promise<Record<string, string>> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new NumashardError('file-unreadable', `plan ${path} cannot be read (${cause.code})`, {
      hint: 'make one with numashard plan MODEL --json',
      cause,
    });
  });
  return plannedEnvironment(text, path);
}
