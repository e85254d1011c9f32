// SPDX-License-Identifier: MIT
// What taskset and numactl leave a program to run on: the plan is made for that, as if numashard stood behind them.
import { NumashardError } from '../errors.js';
import { parseCpuList } from '../topology/cpu-list.js';
import type { Topology } from '../topology/types.js';
import type { Setting } from './command-types.js';
import { readHexMask } from './cpu-sets.js';
import type { Wrapper } from './wrappers.js';

export interface Limit {
  readonly kind: 'cpus' | 'cpu-nodes' | 'memory-nodes';
  readonly ids: readonly number[];
  readonly setting: Setting<unknown>;
}

/** Throws `usage` where a set cannot be read. */
export function wrapperLimits(wrappers: readonly Wrapper[]): Limit[] {
  return wrappers.flatMap((wrapper) => {
    if (wrapper.name === 'taskset') return tasksetLimit(wrapper);
    return wrapper.name === 'numactl' ? numactlLimits(wrapper) : [];
  });
}

/** Memory policies that would contradict a placement. */
export function wrapperPolicies(wrappers: readonly Wrapper[]): Setting<unknown>[] {
  const names = ['interleave', 'i', 'weighted-interleave', 'w', 'preferred', 'p', 'preferred-many', 'P'];
  return wrappers
    .filter(({ name }) => name === 'numactl')
    .flatMap(({ options }) => options.filter(({ option }) => names.includes(option)));
}

/** The machine as the program will see it. */
export function limitTopology(topology: Topology, limits: readonly Limit[]): Topology {
  let { cpus, nodes } = topology.limits;
  for (const { kind, ids } of limits) {
    const allowed = new Set(ids);
    if (kind === 'memory-nodes') nodes = nodes.filter((node) => allowed.has(node));
    else if (kind === 'cpus') cpus = cpus.filter((cpu) => allowed.has(cpu));
    else {
      const there = new Set(topology.nodes.flatMap((node) => (allowed.has(node.id) ? node.cpus : [])));
      cpus = cpus.filter((cpu) => there.has(cpu));
    }
  }
  return { ...topology, limits: { cpus, nodes } };
}

function tasksetLimit({ options, operands: [operand] }: Wrapper): Limit[] {
  if (operand === undefined) return [];
  const isList = options.some(({ option }) => option === 'c' || option === 'cpu-list');
  const setting = { ...operand, text: `taskset ${isList ? '-c ' : ''}${operand.value}` };
  const ids = isList ? readList(operand.value) : readHexMask(operand.value);
  if (ids === null) throw unreadable(setting);
  return [{ kind: 'cpus', ids, setting }];
}

const numactlKinds: ReadonlyMap<string, Limit['kind']> = new Map([
  ...['N', 'cpunodebind', 'c', 'cpubind'].map((name) => [name, 'cpu-nodes'] as const),
  ...['C', 'physcpubind'].map((name) => [name, 'cpus'] as const),
  ...['m', 'membind'].map((name) => [name, 'memory-nodes'] as const),
]);

function numactlLimits({ options }: Wrapper): Limit[] {
  return options.flatMap(({ option, value, text, index }) => {
    const kind = numactlKinds.get(option);
    if (kind === undefined || value === null || value === 'all') return [];
    const setting = { value, text: `numactl ${text}`, index };
    const ids = readList(value);
    if (ids === null) throw unreadable(setting);
    return [{ kind, ids, setting }];
  });
}

/** taskset's strides (`0-31:2`) too; not numactl's `!1`, `+0` and device names. */
function readList(text: string): number[] | null {
  try {
    return text.split(',').flatMap((part) => {
      const [range = '', stride = '1'] = part.split(':');
      if (range.trim() === '' || !/^[1-9]\d{0,4}$/.test(stride)) throw new Error(part);
      const ids = parseCpuList(range);
      return ids.filter((_, index) => index % Number(stride) === 0);
    });
  } catch {
    return null;
  }
}

function unreadable({ text, index }: Setting<unknown>): NumashardError {
  const message = `${text} (word ${index} of the command): which CPUs or nodes these are is not known here`;
  const hint =
    'write their numbers, as 0-3,8; or put this in front of numashard, which then sees what it may use';
  return new NumashardError('usage', message, { hint, exitCode: 2 });
}
