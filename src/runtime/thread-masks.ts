// SPDX-License-Identifier: MIT
// On which CPUs and nodes the threads of a process may be: /proc/PID/task/TID/status, as proc_pid_status(5) has it.
import { readdir, readFile } from 'node:fs/promises';
import { parseCpuList } from '../topology/cpu-list.js';
import type { Topology } from '../topology/types.js';

export interface ThreadMask {
  readonly tid: number;
  readonly cpus: readonly number[];
  readonly memoryNodes: readonly number[];
}

/** By thread id, which is the order of creation but where the kernel's numbers began anew; none: it is gone. */
export async function readThreadMasks(pid: number): Promise<ThreadMask[]> {
  const directory = `/proc/${pid}/task`;
  const tids = (await readdir(directory).catch(() => [])).map(Number).sort((left, right) => left - right);
  const masks = tids.map(async (tid): Promise<ThreadMask[]> => {
    const status = await readFile(`${directory}/${tid}/status`, 'utf8').catch(() => '');
    const list = (name: string): string | undefined =>
      new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
    const [cpus, nodes] = [list('Cpus_allowed_list'), list('Mems_allowed_list')];
    if (cpus === undefined || nodes === undefined) return [];
    return [{ tid, cpus: parseCpuList(cpus), memoryNodes: parseCpuList(nodes) }];
  });
  return (await Promise.all(masks)).flat();
}

/** The machine as a process sees it: what any of its threads may use. */
export function topologyOf(topology: Topology, masks: readonly ThreadMask[]): Topology {
  if (masks.length === 0) return topology;
  const cpus = new Set(masks.flatMap((mask) => mask.cpus));
  const nodes = new Set(masks.flatMap((mask) => mask.memoryNodes));
  return {
    ...topology,
    limits: {
      cpus: topology.cores.flatMap((core) => core.cpus.filter((cpu) => cpus.has(cpu))).sort((a, b) => a - b),
      nodes: topology.nodes.flatMap(({ id }) => (nodes.has(id) ? [id] : [])),
    },
  };
}
