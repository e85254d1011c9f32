// SPDX-License-Identifier: MIT
// How many workers live on each node. A worker's rows lie on its node, so these counts are also the shares of the
// rows: equal counts balance the memory traffic, which is what generation waits for.
import type { UsableNode } from './usable-nodes.js';

/** Node id → workers, in the order of the nodes; nodes without workers are left out. */
export type ThreadSpread = ReadonlyMap<number, number>;

/** Equal counts may leave this share of the cores idle before balance is given up for cores. */
const largestIdleShare = 0.25;

/** One thread per physical core, the same number on every node unless that would idle too many cores. */
export function threadPerCore(nodes: readonly UsableNode[]): ThreadSpread {
  const smallest = Math.min(...nodes.map((node) => node.coreCount));
  const idle = 1 - (smallest * nodes.length) / total(nodes, (node) => node.coreCount);
  return new Map(nodes.map((node) => [node.id, idle > largestIdleShare ? node.coreCount : smallest]));
}

/**
 * `threads` workers over the nodes as evenly as whole workers go. A node gets no more than its cores while others
 * have some left, then no more than its CPUs. With fewer threads than nodes, the nodes with most memory get them.
 */
export function spreadThreads(threads: number, nodes: readonly UsableNode[]): ThreadSpread {
  const used = threads < nodes.length ? roomiest(nodes, threads) : nodes;
  const capacity =
    threads <= total(used, coreCount) ? coreCount : threads <= total(used, cpuCount) ? cpuCount : null;
  const capped = new Map<number, number>();
  for (;;) {
    const open = used.filter((node) => !capped.has(node.id));
    const rest = threads - [...capped.values()].reduce((sum, count) => sum + count, 0);
    const even = new Map(open.map((node, index) => [node.id, evenShare(rest, index, open.length)]));
    const over = capacity === null ? [] : open.filter((node) => (even.get(node.id) ?? 0) > capacity(node));
    if (over.length === 0 || capacity === null) {
      return new Map(used.map((node) => [node.id, capped.get(node.id) ?? even.get(node.id) ?? 0]));
    }
    for (const node of over) capped.set(node.id, capacity(node));
  }
}

/** The `count` nodes with most available memory, back in the order of their ids. */
function roomiest(nodes: readonly UsableNode[], count: number): UsableNode[] {
  return byRoom(nodes)
    .slice(0, count)
    .sort((left, right) => left.id - right.id);
}

/** Most available memory first; unknown counts as none; ties by id. */
export function byRoom(nodes: readonly UsableNode[]): UsableNode[] {
  return [...nodes].sort(
    (left, right) => (right.availableBytes ?? 0) - (left.availableBytes ?? 0) || left.id - right.id,
  );
}

/** Part `index` of `parts` of a whole number: the parts differ by one at most and add up. */
export function evenShare(whole: number, index: number, parts: number): number {
  return Math.ceil(((index + 1) * whole) / parts) - Math.ceil((index * whole) / parts);
}

function coreCount(node: UsableNode): number {
  return node.coreCount;
}

function cpuCount(node: UsableNode): number {
  return node.cpuCount;
}

function total(nodes: readonly UsableNode[], figure: (node: UsableNode) => number): number {
  return nodes.reduce((sum, node) => sum + figure(node), 0);
}
