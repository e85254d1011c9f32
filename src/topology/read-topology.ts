// SPDX-License-Identifier: MIT
// A machine's topology from /sys and /proc below a root. Order of trust: what the kernel lists, then what it links;
// whatever contradicts or is absent is kept as read and named in a warning.
import { parseCpuList } from './cpu-list.js';
import { directoryRoot, type FileRoot } from './file-root.js';
import { KernelFiles } from './kernel-files.js';
import { findOddities } from './oddities.js';
import { inferPageSize, pageSizeFromAuxv } from './page-size.js';
import { type MachineFiles, readMachine } from './read-machine.js';
import { listedCpus } from './read-node.js';
import type { Topology, TopologyCore, TopologyNode, TopologyWarning } from './types.js';

export interface ReadTopologyOptions {
  /** Bytes; for a recording that does not tell. */
  readonly pageSize?: number;
}

/** Throws `topology-unreadable` where there is no machine at all below the root, or a list cannot be parsed. */
export async function readTopology(
  root: FileRoot = directoryRoot(),
  options: ReadTopologyOptions = {},
): Promise<Topology> {
  const files = new KernelFiles(root);
  const machine = await readMachine(files);
  const memory = await files.memory('proc/meminfo');
  const nodes = machine.nodes.length > 0 ? describeNodes(machine) : [wholeMachine(machine, memory)];
  const page = await findPageSize(root, options, [
    ...machine.nodes.flatMap((node) => node.memory ?? []),
    ...(memory === null ? [] : [memory]),
  ]);
  return {
    source: machine.nodes.length > 0 ? 'sysfs' : 'none',
    pageSize: page.pageSize,
    nodes,
    cores: placeCores(machine, nodes),
    limits: await readLimits(files, machine.cpus.online, nodes),
    warnings: [...findOddities(machine, nodes), ...page.warnings],
  };
}

function describeNodes(machine: MachineFiles): TopologyNode[] {
  const online = new Set(machine.cpus.online);
  return machine.nodes.map((node) => {
    const named = new Set([...(node.cpuList ?? []), ...(node.cpuMask ?? []), ...node.cpuLinks]);
    return {
      id: node.id,
      cpus: listedCpus(node).filter((cpu) => online.has(cpu)),
      offlineCpus: [...named].filter((cpu) => !online.has(cpu)).sort((left, right) => left - right),
      ...memoryFigures(node.memory),
      hugePages: node.hugePages,
      distances: nameDistances(node.distances, machine.nodeIds),
      access: node.access,
    };
  });
}

/** Stands in where the kernel shows no nodes. */
function wholeMachine(machine: MachineFiles, memory: ReadonlyMap<string, number> | null): TopologyNode {
  return {
    id: 0,
    cpus: machine.cpus.online,
    offlineCpus: machine.cpus.offline,
    ...memoryFigures(memory),
    hugePages: {},
    distances: { '0': 10 },
    access: null,
  };
}

function memoryFigures(memory: ReadonlyMap<string, number> | null) {
  const figure = (name: string): number => memory?.get(name) ?? 0;
  // Node files say FilePages, /proc/meminfo says Cached; both count shared memory, which is not given back.
  const filePages = figure('FilePages') + figure('Cached') - figure('Shmem');
  return {
    memoryBytes: memory?.get('MemTotal') ?? null,
    freeBytes: memory?.get('MemFree') ?? null,
    reclaimableBytes: memory === null ? null : Math.max(0, filePages) + figure('SReclaimable'),
  };
}

function nameDistances(
  columns: readonly number[] | null,
  nodeIds: readonly number[],
): Record<string, number> {
  if (columns === null || columns.length !== nodeIds.length) return {};
  return Object.fromEntries(nodeIds.map((id, column) => [String(id), columns[column] as number]));
}

/** A core lives on the node that links its first CPU; where several or none do, on the first that lists it. */
function placeCores(machine: MachineFiles, nodes: readonly TopologyNode[]): TopologyCore[] {
  const home = new Map<number, number>();
  for (const node of nodes) for (const cpu of node.cpus) if (!home.has(cpu)) home.set(cpu, node.id);
  const linkCount = new Map<number, number>();
  for (const cpu of machine.nodes.flatMap((node) => node.cpuLinks)) {
    linkCount.set(cpu, (linkCount.get(cpu) ?? 0) + 1);
  }
  for (const node of machine.nodes) {
    for (const cpu of node.cpuLinks) if (linkCount.get(cpu) === 1) home.set(cpu, node.id);
  }
  const fallback = nodes[0]?.id ?? 0;
  return machine.cores.cores.map(({ cpus, socket }) => ({
    cpus,
    node: home.get(cpus[0] as number) ?? fallback,
    socket,
  }));
}

/** Cpus_allowed_list and Mems_allowed_list may name ids the machine could have but has not: keep what exists. */
async function readLimits(
  files: KernelFiles,
  online: readonly number[],
  nodes: readonly TopologyNode[],
): Promise<Topology['limits']> {
  const status = (await files.text('proc/self/status')) ?? '';
  const allowed = (name: string, existing: readonly number[]): number[] => {
    const text = new RegExp(`^${name}:\\s*(\\S*)$`, 'm').exec(status)?.[1];
    if (text === undefined) return [...existing];
    const ids = new Set(parseCpuList(text, `proc/self/status ${name}`));
    return existing.filter((id) => ids.has(id));
  };
  const nodeIds = nodes.map((node) => node.id);
  return { cpus: allowed('Cpus_allowed_list', online), nodes: allowed('Mems_allowed_list', nodeIds) };
}

async function findPageSize(
  root: FileRoot,
  options: ReadTopologyOptions,
  memories: readonly ReadonlyMap<string, number>[],
): Promise<{ pageSize: number; warnings: TopologyWarning[] }> {
  if (options.pageSize !== undefined) return { pageSize: options.pageSize, warnings: [] };
  const auxv = await root.readText('proc/self/auxv');
  const told = auxv === null ? null : pageSizeFromAuxv(auxv);
  if (told !== null) return { pageSize: told, warnings: [] };
  const { pageSize, warning } = inferPageSize(memories);
  return { pageSize, warnings: [warning] };
}
