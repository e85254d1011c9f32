// SPDX-License-Identifier: MIT
// What `map` holds a shard map against: a number of nodes, a recorded machine or this one; and who computes.
import { NumashardError } from '../errors.js';
import { machineNodes } from '../plan/machine-nodes.js';
import type { MachineNodes, Shares } from '../shardmap/types.js';
import { openMachine } from './open-machine.js';

export interface MapMachineOptions {
  readonly nodes?: number;
  readonly machine?: string;
}

export interface MapSetting extends MachineNodes {
  readonly pageSize: number;
}

/** Node ids end here; src/shardmap/limits.ts. */
const maxNodeCount = 1024;
/** Of x86-64; aarch64 and POWER kernels often have 64 KiB. */
const usualPageSize = 4096;

export async function mapSetting({ nodes: count, machine }: MapMachineOptions): Promise<MapSetting> {
  if (count === undefined) {
    const topology = await openMachine(machine);
    return { ...machineNodes(topology), pageSize: topology.pageSize };
  }
  if (count < 1 || count > maxNodeCount) {
    const message = `--nodes: ${count} is not a whole number from 1 to ${maxNodeCount}`;
    throw new NumashardError('usage', message, { exitCode: 2 });
  }
  const nodes = Array.from({ length: count }, (_, id) => id);
  return { nodes, usableNodes: nodes, pageSize: usualPageSize };
}

export interface Workers {
  readonly workers: number;
  readonly shares: Shares;
}

/** `8`: workers, in equal shares. `0:16,1:16,2:20`: as GGML_NUMA_SHARD_THREADS has it. */
export function readWorkers(text: string | undefined): Workers {
  if (text === undefined) return { workers: 0, shares: [] };
  if (/^\d{1,6}$/.test(text)) return { workers: Number(text), shares: [] };
  const shares = text.split(',').map((part) => {
    const [, node, weight] = /^(\d{1,4}):(\d{1,4})$/.exec(part) ?? [];
    if (node === undefined || !Number(weight)) throw badShares(text, part);
    return { node: Number(node), weight: Number(weight) };
  });
  const twice = shares.find(({ node }, index) => shares.findIndex((other) => other.node === node) < index);
  if (twice !== undefined) throw badShares(text, `node ${twice.node} twice`);
  return { workers: 0, shares };
}

function badShares(text: string, part: string): NumashardError {
  const message = `--threads ${text}: ${part} is neither a number of threads nor node:threads`;
  return new NumashardError('usage', message, { exitCode: 2, hint: 'for example 8, or 0:4,1:4' });
}
