// SPDX-License-Identifier: MIT
// What `run` gives its child: the shard map and the shares, from the user's map or from a plan, and the command
// with what it lacked. Nothing the user wrote is changed; what is added is said.
import { NumashardError } from '../errors.js';
import type { Model } from '../model/types.js';
import { planPlacement } from '../plan/plan-placement.js';
import type { Plan, StrategyName } from '../plan/types.js';
import { isObserve, parseShardMap, usesRows } from '../shardmap/parse.js';
import { resolveShardMap } from '../shardmap/resolve.js';
import type { MachineNodes } from '../shardmap/types.js';
import type { Topology } from '../topology/types.js';
import { checkCommand, pinsWorkers } from './command-check.js';
import { conflict, placeOf } from './command-conflict.js';
import type { CommandWarning, LlamaCommand } from './command-types.js';
import { environmentNames, type Residency, residencies } from './environment.js';
import { checkNodes, explainLimits } from './limits-check.js';
import type { Limit } from './wrapper-limits.js';

export interface RunRequest {
  readonly command: LlamaCommand;
  readonly model: Model | null;
  /** The machine as the command will see it. */
  readonly topology: Topology;
  readonly machine: MachineNodes;
  /** What wrappers in the command leave of the machine: for messages, `topology` obeys them. */
  readonly limits?: readonly Limit[];
  /** Threads that the user named beside the command; null: those of the command. */
  readonly threads?: number | null;
  /** The user's map, from --map or the environment; null: plan one. */
  readonly map: string | null;
  /** GGML_NUMA_SHARD_THREADS of the user's environment; null: not set. */
  readonly shares?: string | null;
  /** The environment of a plan that was made before. */
  readonly planned: Readonly<Record<string, string>> | null;
  readonly strategy: StrategyName | null;
  /** From --residency; null: not given. */
  readonly residency?: Residency | null;
  /** GGML_NUMA_SHARD_RESIDENCY of the user's environment; null: not set. */
  readonly ownResidency?: string | null;
}

export interface PreparedRun {
  readonly argv: readonly string[];
  /** Added to the user's environment; empty: nothing to place, the command runs as it is. */
  readonly environment: Readonly<Record<string, string>>;
  /** One line each, for standard error. */
  readonly notes: readonly string[];
}

export function prepareRun(request: RunRequest): PreparedRun {
  const { command, model, topology, map, planned } = request;
  const plan = planPlacement({
    model,
    topology,
    threads: request.threads ?? command.threads?.value ?? null,
    strategy: request.strategy,
    promptThreads: command.promptThreads?.value ?? null,
  });
  const isPlanned = map === null && planned === null;
  const hasOneNode = topology.nodes.length < 2 && map === null;
  // What is said about the plan's own choice holds for no other map.
  const isUnread = ({ code }: CommandWarning): boolean => hasOneNode && code === 'command-unread';
  const ofCommand = command.warnings.filter((warning) => !isUnread(warning));
  const warnings = [...ofCommand, ...(isPlanned || hasOneNode ? plan.warnings : [])];
  const notes = [...new Set(warnings.map(({ message }) => message))];
  if (hasOneNode) return { argv: command.argv, environment: {}, notes };
  const limits = request.limits ?? [];
  const environment = explainLimits(limits, () => chooseEnvironment(request, plan));
  const text = environment[environmentNames.map];
  if (text === undefined || isObserve(text)) return { argv: command.argv, environment, notes };
  const mapNotes = explainLimits(limits, () => checkMap(text, request));
  checkShares(request, environment);
  const residency = chooseResidency(request);
  checkNodes(request, environment[environmentNames.threads]);
  checkThreadsPerNode(text, request);
  const threads = workersIn(environment) ?? plan.threads;
  const check = checkCommand(command, { chosen: chosenFor(text, plan), threads, environment, topology });
  return {
    argv: check.argv,
    environment: { ...environment, ...check.environment, ...residency },
    notes: [...notes, ...mapNotes, ...check.notes],
  };
}

function chooseEnvironment(
  { map, planned, machine, shares: own = null }: RunRequest,
  plan: Plan,
): Record<string, string> {
  if (planned !== null) return { ...planned };
  if (map === null) return { ...plan.environment };
  if (isObserve(map)) return { [environmentNames.map]: map };
  if (own !== null) {
    const environment = { [environmentNames.map]: map };
    return pinsWorkers(environment) ? { ...environment, [environmentNames.threads]: own } : environment;
  }
  const rows = plan.strategies.find(({ name }) => name === 'rows');
  const shares = rows ? Object.entries(rows.threads).map(([node, threads]) => `${node}:${threads}`) : [];
  const namesAll = rowNodes(map, machine) === 'all';
  // Only where workers live on all nodes does the plan know how many live on each.
  return {
    [environmentNames.map]: map,
    ...(namesAll && shares.length > 0 ? { [environmentNames.threads]: shares.join(',') } : {}),
  };
}

/** The option holds over the environment, which the child inherits, and that over a plan. */
function chooseResidency({ residency = null, ownResidency = null }: RunRequest): Record<string, string> {
  if (residency !== null) return { [environmentNames.residency]: residency };
  if (ownResidency === null) return {};
  if (residencies.some((name) => name === ownResidency))
    return { [environmentNames.residency]: ownResidency };
  const given = `${environmentNames.residency}=${ownResidency} (in the environment)`;
  const message = `${given} is neither ${residencies.join(' nor ')}`;
  throw new NumashardError('usage', message, { exitCode: 2, hint: 'unset it, or give --residency' });
}

/** The user's own shares hold under the user's map; they must agree with `-t`, and with a plan where there is one. */
function checkShares(
  { shares = null, map, command: { threads } }: RunRequest,
  environment: Readonly<Record<string, string>>,
): void {
  if (shares === null || !pinsWorkers(environment)) return;
  const given = `${environmentNames.threads}=${shares} (in the environment)`;
  if (!sharesForm.test(shares)) {
    const message = `${given} is not of the form node:threads,…`;
    throw new NumashardError('usage', message, { exitCode: 2, hint: 'for example 0:4,1:4; or unset it' });
  }
  const planned = environment[environmentNames.threads];
  if (map === null && planned !== shares) {
    const message = `${given} contradicts the plan, which has ${planned || 'none'}`;
    const hint = `unset it, or give the map too: --map '${environment[environmentNames.map]}'`;
    throw new NumashardError('flag-conflict', message, { exitCode: 2, hint });
  }
  const workers = workersIn(environment);
  if (threads === null || threads.value === workers) return;
  const message = `${given} is for ${workers} threads, ${threads.text} (${placeOf(threads)}) gives ${threads.value}`;
  throw new NumashardError('flag-conflict', message, { exitCode: 2, hint: 'change one of the two' });
}

/** Each node that a user's map names for rows needs a worker: with fewer, nobody would read what lies on the last. */
function checkThreadsPerNode(
  map: string,
  { command: { threads }, machine, shares, map: own }: RunRequest,
): void {
  const named = rowNodes(map, machine);
  if (own === null || shares || named === null || threads === null) return;
  const count = named === 'all' ? machine.usableNodes.length : named.length;
  if (threads.value >= count) return;
  const nodes = machine.usableNodes.slice(0, threads.value).join(',');
  throw conflict(threads, `gives ${threads.value} threads, rows over ${count} nodes need ${count} at least`, {
    hint: `change it, or name fewer nodes: --map '*:rows(${nodes})'`,
  });
}

/** Nodes of the map's rows; null: it has none. */
function rowNodes(map: string, machine?: MachineNodes): readonly number[] | 'all' | null {
  for (const { target } of parseShardMap(map, machine)) if (target.kind === 'rows') return target.nodes;
  return null;
}

/** Layers past the model's last, absent nodes and the like are refused before anything starts; returns warnings. */
function checkMap(text: string, { model, machine, topology }: RunRequest): string[] {
  const map = parseShardMap(text, machine);
  if (model === null) return [];
  const { warnings } = resolveShardMap(map, model, { ...machine, pageSize: topology.pageSize });
  return warnings.map(({ message }) => message);
}

/** Workers that the shares add up to; null where there are none. */
function workersIn(environment: Readonly<Record<string, string>>): number | null {
  const shares = environment[environmentNames.threads];
  if (!shares) return null;
  return shares.split(',').reduce((sum, share) => sum + Number(share.split(':')[1]), 0);
}

function chosenFor(map: string, plan: Plan): StrategyName {
  const ofPlan = plan.strategies.find((strategy) => strategy.name === plan.chosen);
  if (ofPlan?.map === map) return plan.chosen;
  return usesRows(map) ? 'rows' : 'layers';
}

/** The environment of a plan document (`numashard plan --json`). Throws `usage`. */
export function plannedEnvironment(text: string, path: string): Record<string, string> {
  let plan: unknown;
  try {
    plan = JSON.parse(text);
  } catch (cause) {
    throw badPlan(`plan ${path} is not JSON`, cause);
  }
  const environment = (plan as { environment?: unknown } | null)?.environment;
  if (typeof environment !== 'object' || environment === null)
    throw badPlan(`plan ${path} has no "environment"`);
  // run finds its own preload library.
  const { LD_PRELOAD: _, ...rest } = environment as Record<string, unknown>;
  for (const [name, value] of Object.entries(rest)) {
    const form = plannedForms.get(name);
    if (form === undefined) throw badPlan(`plan ${path} sets ${name}, which is not for a plan to set`);
    if (typeof value === 'string' && form.test(value)) continue;
    throw badPlan(`plan ${path}: ${name} is ${JSON.stringify(value)}, not of its form`);
  }
  return rest as Record<string, string>;
}

const sharesForm = /^\d{1,4}:\d{1,4}(?:,\d{1,4}:\d{1,4})*$/;

/** What a plan may set: a file from elsewhere must not reach the rest of a process's environment. */
const plannedForms: ReadonlyMap<string, RegExp> = new Map([
  [environmentNames.map, /\S/],
  [environmentNames.threads, /^(?:\d{1,4}:\d{1,4}(?:,\d{1,4}:\d{1,4})*)?$/],
  [environmentNames.residency, new RegExp(`^(?:${residencies.join('|')})$`)],
]);

function badPlan(message: string, cause?: unknown): NumashardError {
  const hint = 'make one with numashard plan MODEL --json';
  return new NumashardError('usage', message, { exitCode: 2, hint, cause });
}
