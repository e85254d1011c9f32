// SPDX-License-Identifier: MIT
// Holds a llama.cpp command against a plan: what contradicts it is an error that names the word to change, and
// what is missing is returned to be added, with a line that says so.
import type { NumashardError } from '../errors.js';
import type { Plan } from '../plan/types.js';
import { usesRows } from '../shardmap/parse.js';
import type { Topology } from '../topology/types.js';
import { checkAffinity } from './affinity-check.js';
import { conflict } from './command-conflict.js';
import { programsWithThreads } from './command-options.js';
import type { LlamaCommand } from './command-types.js';
import { environmentNames } from './environment.js';
import { environmentChanges } from './wrapper-environment.js';
import { wrapperPolicies } from './wrapper-limits.js';

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

export type CheckedPlan = Pick<Plan, 'chosen' | 'threads' | 'environment'> & {
  /** The machine as the command will see it. */
  readonly topology: Topology;
};

/** Throws `flag-conflict`. A plan under which nobody is pinned adds nothing, and leaves threads alone. */
export function checkCommand(command: LlamaCommand, plan: CheckedPlan): CommandCheck {
  const unchanged: CommandCheck = { threadsToAdd: null, argv: command.argv, environment: {}, notes: [] };
  if (Object.keys(plan.environment).length === 0) return unchanged;
  checkWrappers(command, plan.chosen);
  if (!pinsWorkers(plan.environment)) return unchanged;
  checkNuma(command, plan.chosen);
  checkAffinity(command, plan);
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
  return map !== undefined && usesRows(map);
}

/** Memory policies that would be overruled in silence, and variables that run sets itself. */
function checkWrappers({ wrappers }: LlamaCommand, chosen: string): void {
  const [policy] = wrapperPolicies(wrappers);
  if (policy !== undefined) {
    throw conflict(policy, `is a policy for all memory, the plan (${chosen}) has its own for the weights`, {
      hint: `leave numactl ${policy.text} out, or run with --strategy flat`,
    });
  }
  const ours: readonly (string | null)[] = [...Object.values(environmentNames), 'LD_PRELOAD', null];
  const change = environmentChanges(wrappers).find(({ name }) => ours.includes(name));
  if (change !== undefined) throw changed(change.setting.text, change.name, change.setting.index);
}

function changed(text: string, name: string | null, index: number | null): NumashardError {
  const what = name ?? 'the whole environment';
  const hint =
    name === null
      ? 'name the variables to take out, with -u NAME for each'
      : `set ${name} in front of numashard, which keeps what it can and says what it cannot`;
  return conflict({ text: `env ${text}`, index, value: null }, `changes ${what}, which numashard run sets`, {
    hint,
  });
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

function checkThreads({ threads }: LlamaCommand, plan: Pick<Plan, 'threads'>): void {
  if (threads === null || threads.value === plan.threads) return;
  throw conflict(threads, `gives ${threads.value} threads, the plan is for ${plan.threads}`, {
    hint: `change it to ${plan.threads}, or plan with --threads ${threads.value}`,
  });
}
