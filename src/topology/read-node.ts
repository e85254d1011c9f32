// SPDX-License-Identifier: MIT
// One node as its sysfs directory describes it, before anything is checked against the rest of the machine.
// Source of truth: the kernel's drivers/base/node.c and Documentation/admin-guide/mm/numaperf.rst.
import type { KernelFiles } from './kernel-files.js';
import type { TopologyAccess, TopologyNode } from './types.js';

export interface NodeFiles {
  readonly id: number;
  /** From `cpulist`; null where the kernel has none. */
  readonly cpuList: readonly number[] | null;
  readonly cpuMask: readonly number[] | null;
  /** From the `cpuN` links. */
  readonly cpuLinks: readonly number[];
  readonly memory: ReadonlyMap<string, number> | null;
  /** One column per online node, in the order of their ids. */
  readonly distances: readonly number[] | null;
  readonly hugePages: TopologyNode['hugePages'];
  readonly access: TopologyAccess | null;
}

/** null if the node has no directory. */
export async function readNode(files: KernelFiles, id: number): Promise<NodeFiles | null> {
  const directory = `sys/devices/system/node/node${id}`;
  const cpuLinks = await files.numbered(directory, 'cpu');
  if (cpuLinks === null) return null;
  const [cpuList, cpuMask, memory, distance, hugePages, access1] = await Promise.all([
    files.cpuList(`${directory}/cpulist`),
    files.cpuMask(`${directory}/cpumap`),
    files.memory(`${directory}/meminfo`),
    files.text(`${directory}/distance`),
    readHugePages(files, `${directory}/hugepages`),
    readAccess(files, `${directory}/access1/initiators`),
  ]);
  const access = access1 ?? (await readAccess(files, `${directory}/access0/initiators`));
  return { id, cpuList, cpuMask, cpuLinks, memory, distances: parseDistances(distance), hugePages, access };
}

/** `cpulist` before `cpumap` before links: a cpumap may list offline CPUs, links are missing in containers. */
export function listedCpus(node: NodeFiles): readonly number[] {
  return node.cpuList ?? node.cpuMask ?? node.cpuLinks;
}

/** Anything but whole numbers makes the line worthless: null. */
function parseDistances(text: string | null): number[] | null {
  if (text === null || !/^\d{1,5}(\s+\d{1,5})*$/.test(text)) return null;
  return text.split(/\s+/).map(Number);
}

async function readHugePages(files: KernelFiles, directory: string): Promise<TopologyNode['hugePages']> {
  const pools: Record<string, { total: number; free: number }> = {};
  for (const name of (await files.root.list(directory)) ?? []) {
    const kibibytes = /^hugepages-(\d{1,12})kB$/.exec(name)?.[1];
    if (kibibytes === undefined) continue;
    const total = await files.integer(`${directory}/${name}/nr_hugepages`);
    const free = await files.integer(`${directory}/${name}/free_hugepages`);
    if (total !== null) pools[String(Number(kibibytes) * 1024)] = { total, free: free ?? 0 };
  }
  return pools;
}

async function readAccess(files: KernelFiles, directory: string): Promise<TopologyAccess | null> {
  const initiators = await files.numbered(directory, 'node');
  if (initiators === null) return null;
  const figure = async (name: string): Promise<number | null> => {
    const value = await files.integer(`${directory}/${name}`);
    return value === null || value <= 0 ? null : value;
  };
  return {
    initiators,
    readBandwidthMBps: await figure('read_bandwidth'),
    writeBandwidthMBps: await figure('write_bandwidth'),
    readLatencyNs: await figure('read_latency'),
    writeLatencyNs: await figure('write_latency'),
  };
}
