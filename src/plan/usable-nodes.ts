// SPDX-License-Identifier: MIT
// The nodes a plan may use: those with CPUs and memory that this process is allowed. Memory without CPUs is left
// alone: it may be a GPU's or slow, and only who owns the machine knows.
import type { Topology, TopologyNode } from '../topology/types.js';

export interface UsableNode {
  readonly id: number;
  /** Physical cores with at least one allowed CPU. */
  readonly coreCount: number;
  /** Allowed hardware threads. */
  readonly cpuCount: number;
  /** Free memory and what the kernel gives back when asked; null where unknown. */
  readonly availableBytes: number | null;
}

/** By node id. */
export function usableNodes(topology: Topology): UsableNode[] {
  return topology.nodes
    .map((node) => ({ node, ...allowedCpus(topology, node) }))
    .filter(({ node, cpuCount }) => cpuCount > 0 && hasMemory(topology, node))
    .map(({ node, ...counts }) => ({ id: node.id, ...counts, availableBytes: availableBytes(node) }))
    .sort((left, right) => left.id - right.id);
}

/** Nodes with CPUs this process may run on, but no memory it may use. */
export function nodesWithoutMemory(topology: Topology): number[] {
  return topology.nodes
    .filter((node) => allowedCpus(topology, node).cpuCount > 0 && !hasMemory(topology, node))
    .map((node) => node.id);
}

/** Clean page cache counts as free: loading a model turns free memory into it. */
export function availableBytes(node: TopologyNode): number | null {
  if (node.freeBytes === null) return node.memoryBytes;
  const available = node.freeBytes + (node.reclaimableBytes ?? 0);
  return node.memoryBytes === null ? available : Math.min(available, node.memoryBytes);
}

/** Cores count where they live, so a CPU that firmware lists in two nodes counts once. */
function allowedCpus(topology: Topology, node: TopologyNode): { coreCount: number; cpuCount: number } {
  const allowed = new Set(topology.limits.cpus);
  const perCore = topology.cores
    .filter((core) => core.node === node.id)
    .map((core) => core.cpus.filter((cpu) => allowed.has(cpu)).length);
  return {
    coreCount: perCore.filter((cpus) => cpus > 0).length,
    cpuCount: perCore.reduce((sum, cpus) => sum + cpus, 0),
  };
}

function hasMemory(topology: Topology, node: TopologyNode): boolean {
  return node.memoryBytes !== 0 && topology.limits.nodes.includes(node.id);
}
