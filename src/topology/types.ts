// SPDX-License-Identifier: MIT
// A machine's NUMA topology as data. Node and CPU ids are the kernel's and may have gaps.

export interface TopologyNode {
  readonly id: number;
  /** Online CPUs of the node. */
  readonly cpus: readonly number[];
  readonly offlineCpus: readonly number[];
  readonly memoryBytes: number | null;
  /** Memory that nothing uses (MemFree). */
  readonly freeBytes: number | null;
  /** Memory the kernel gives back when asked: file pages that are not shared memory, and reclaimable slab. */
  readonly reclaimableBytes?: number | null;
  /** Pool of each huge page size: page size in bytes as decimal text → total and free pages. */
  readonly hugePages: Readonly<Record<string, { readonly total: number; readonly free: number }>>;
  /** Node id as decimal text → relative distance, 10 = local (ACPI SLIT). */
  readonly distances: Readonly<Record<string, number>>;
  readonly access: TopologyAccess | null;
}

/**
 * HMAT figures as seen from the nearest nodes with CPUs (sysfs `access1/initiators`; `access0`, which may name a
 * device, where a kernel has no other). A 0 there means unknown and is null here.
 */
export interface TopologyAccess {
  /** Nodes the figures hold for. */
  readonly initiators?: readonly number[];
  readonly readBandwidthMBps: number | null;
  readonly writeBandwidthMBps: number | null;
  readonly readLatencyNs: number | null;
  readonly writeLatencyNs: number | null;
}

/** One physical core: its online hardware threads. */
export interface TopologyCore {
  readonly cpus: readonly number[];
  readonly node: number;
  readonly socket: number | null;
}

/** What is odd about a machine's description; docs/topology.md explains each. */
export type TopologyWarningCode =
  /** No node directory: a kernel without NUMA, or one that hides it. */
  | 'no-node-directory'
  /** No `node/online`: node ids come from the `nodeN` directories. */
  | 'no-node-online'
  /** An online node without its directory is left out. */
  | 'node-directory-missing'
  /** Node ids have gaps; ggml counts nodes only up to the first. */
  | 'node-id-gaps'
  /** `has_cpu` names other nodes than those whose files list CPUs. */
  | 'has-cpu-differs'
  /** Neither `cpulist` nor `cpumap`: the node's CPUs come from its `cpuN` links. */
  | 'cpulist-missing'
  | 'cpulist-cpumap-differ'
  /** The node's `cpuN` links name other CPUs than its list; the links are the kernel's own assignment. */
  | 'cpu-links-differ'
  | 'cpu-in-two-nodes'
  | 'cpu-without-node'
  | 'offline-cpus'
  /** An online CPU whose core is unknown counts as a core of its own. */
  | 'core-unknown'
  | 'memory-only-node'
  | 'memoryless-node'
  | 'meminfo-missing'
  | 'distances-missing'
  /** A distance file has another number of columns than there are online nodes. */
  | 'distances-mismatch'
  /** Every node is as near as every other: firmware that says nothing. */
  | 'distances-flat'
  | 'hmat-zeros'
  | 'nul-bytes'
  /** Page size worked out from memory figures, or assumed; give it explicitly where it matters. */
  | 'page-size-inferred'
  | 'page-size-assumed';

export interface TopologyWarning {
  readonly code: TopologyWarningCode;
  readonly message: string;
}

export interface Topology {
  /** `none`: the kernel shows no node directory; one node 0 with every online CPU stands in. */
  readonly source: 'sysfs' | 'none';
  readonly pageSize: number;
  readonly nodes: readonly TopologyNode[];
  readonly cores: readonly TopologyCore[];
  /** What this process may use: its CPU affinity and its allowed memory nodes. */
  readonly limits: { readonly cpus: readonly number[]; readonly nodes: readonly number[] };
  readonly warnings: readonly TopologyWarning[];
}
