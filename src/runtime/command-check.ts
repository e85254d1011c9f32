// SPDX-License-Identifier: MIT
// Holds a llama.cpp command against a plan: what contradicts it is an error that names the word to change, and
// what is missing is returned to be added, with a line that says so.
import { NumashardError } from '../errors.js';
import type { Plan } from '../plan/types.js';
import { parseShardMap } from '../shardmap/parse.js';
import { programsWithThreads } from './command-options.js';
import type { LlamaCommand, Setting } from './command-types.js';
import { environmentNames } from './environment.js';

export interface CommandCheck {
  /** Threads the command does not give and the plan needs; null where nothing is to be added. */
  readonly threadsToAdd: number | null;
  /** The command with what was added. */
  readonly argv: readonly string[];
  /** To be added to the environment, for programs whose options are not known. */
  readonly environment: Readonly<Record<string, string>>;
  /** What was added, one line each, for the user. */
  readonly notes: readonly string[];
}

/** Throws `flag-conflict`. A plan under which nobody is pinned conflicts with nothing and adds nothing. */
export function checkCommand(
  command: LlamaCommand,
  plan: Pick<Plan, 'chosen' | 'threads' | 'environment'>,
): CommandCheck {
  const unchanged: CommandCheck = { threadsToAdd: null, argv: command.argv, environment: {}, notes: [] };
  if (!pinsWorkers(plan.environment)) return unchanged;
  checkNuma(command, plan.chosen);
  checkAffinity(command, plan.chosen);
  checkThreads(command, plan);
  if (command.hasThreads) return unchanged;

  const threads = plan.threads;
  const reason = `no -t given, ${plan.chosen} is planned for ${threads} threads`;
  if (programsWithThreads.has(command.name)) {
    const argv = [...command.argv, '-t', `${threads}`];
    return { threadsToAdd: threads, argv, environment: {}, notes: [`${reason}: added -t ${threads}`] };
  }
  const environment = { LLAMA_ARG_THREADS: `${threads}` };
  const notes = [`${reason}: set LLAMA_ARG_THREADS=${threads} for ${command.name}`];
  return { threadsToAdd: threads, argv: command.argv, environment, notes };
}

/** Only for maps with a rows target does the preload pin workers and cut by their number. */
export function pinsWorkers(environment: Readonly<Record<string, string>>): boolean {
  const map = environment[environmentNames.map];
  return map !== undefined && parseShardMap(map).some(({ target }) => target.kind === 'rows');
}

/** `distribute` asks for the fixed cut that a plan needs anyway; the others put the threads elsewhere. */
function checkNuma({ numa }: LlamaCommand, chosen: string): void {
  if (numa === null || !['isolate', 'numactl'].includes(numa.value)) return;
  throw conflict(
    numa,
    `puts all threads where ${numa.value} says, the plan (${chosen}) puts them on its own nodes`,
    {
      hint: `leave ${numa.text} out, or run with --strategy flat`,
    },
  );
}

function checkAffinity({ affinity }: LlamaCommand, chosen: string): void {
  const [first] = affinity;
  if (first === undefined) return;
  throw conflict(first, `pins threads to CPUs, the plan (${chosen}) pins them to nodes`, {
    hint: `leave ${first.text} out; to use some CPUs only, start numashard under taskset or in a cpuset`,
  });
}

function checkThreads({ threads }: LlamaCommand, plan: Pick<Plan, 'threads'>): void {
  if (threads === null || threads.value === plan.threads) return;
  throw conflict(threads, `gives ${threads.value} threads, the plan is for ${plan.threads}`, {
    hint: `change it to ${plan.threads}, or plan with --threads ${threads.value}`,
  });
}

function conflict(setting: Setting<unknown>, reason: string, details: { hint: string }): NumashardError {
  const where = setting.index === null ? 'in the environment' : `word ${setting.index} of the command`;
  return new NumashardError('flag-conflict', `${setting.text} (${where}) ${reason}`, {
    ...details,
    exitCode: 2,
  });
}
