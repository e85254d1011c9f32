// SPDX-License-Identifier: MIT
// What each strategy means on a machine: its shard map, its threads, and the memory it needs on each node.
import type { Model } from '../model/types.js';
import { formatCpuList } from '../topology/cpu-list.js';
import type { Topology } from '../topology/types.js';
import { placeLayers } from './layer-ranges.js';
import { byRoom, evenShare, spreadThreads, type ThreadSpread, threadPerCore } from './spread-threads.js';
import type { StrategyName, StrategyPlan } from './types.js';
import { availableBytes, type UsableNode } from './usable-nodes.js';

export interface StrategyInput {
  readonly model: Model | null;
  readonly blockCount: number | null;
  readonly topology: Topology;
  /** At least one. */
  readonly nodes: readonly UsableNode[];
  readonly threads: number | null;
}

/** Nothing is placed and nobody is pinned. */
export function planFlat(model: Model | null, topology: Topology): StrategyPlan {
  const available = topology.nodes
    .filter((node) => topology.limits.nodes.includes(node.id))
    .map((node) => availableBytes(node));
  const isKnown = model !== null && available.every((bytes) => bytes !== null);
  const free = available.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
  const missingBytes = isKnown ? Math.max(0, model.byteLength - free) : null;
  return describe('flat', { map: null, threads: new Map(), memory: {}, missingBytes });
}

/** Every strategy that can be meant here, `flat` first. `weighted` is not among them before bandwidths are measured. */
export function planStrategies(input: StrategyInput): StrategyPlan[] {
  const flat = planFlat(input.model, input.topology);
  if (input.nodes.length < 2) return [flat, planIsolate(input)];
  const layers = input.blockCount === null ? [] : [planLayers(input, input.blockCount)];
  return [flat, planIsolate(input), planInterleave(input), ...layers, planRows(input)];
}

/** All on one node: the first that holds the model and has a core for every thread, else the roomiest. */
function planIsolate({ model, nodes, threads }: StrategyInput): StrategyPlan {
  const candidates = byRoom(nodes);
  const bytes = model?.byteLength ?? 0;
  const fitting = candidates.filter((node) => (node.availableBytes ?? 0) >= bytes);
  const node = (fitting.find((candidate) => candidate.coreCount >= (threads ?? 0)) ??
    fitting[0] ??
    candidates[0]) as UsableNode;
  return describe('isolate', {
    // Rows, not node: so that the workers are put there too.
    map: `*:rows(${node.id})`,
    threads: new Map([[node.id, threads ?? node.coreCount]]),
    ...needs(nodes, model && { [node.id]: bytes }),
  });
}

function planInterleave(input: StrategyInput): StrategyPlan {
  const { model, nodes } = input;
  const memory = nodes.map(({ id }, index) => [id, evenShare(model?.byteLength ?? 0, index, nodes.length)]);
  return describe('interleave', {
    map: `*:interleave(${nodeSet(input, ids(nodes)) ?? 'all'})`,
    threads: spread(input),
    ...needs(nodes, model && Object.fromEntries(memory)),
  });
}

function planLayers(input: StrategyInput, blockCount: number): StrategyPlan {
  const { map, memory } = placeLayers(blockCount, input.model, input.nodes);
  return describe('layers', { map, threads: spread(input), ...needs(input.nodes, input.model && memory) });
}

/** Each worker's rows on the worker's node: a node's bytes are in proportion to its workers. */
function planRows(input: StrategyInput): StrategyPlan {
  const { model, nodes } = input;
  const threads = spread(input);
  const all = [...threads.values()].reduce((sum, count) => sum + count, 0);
  const bytes = model?.byteLength ?? 0;
  let workers = 0;
  const memory = [...threads].map(([id, count]) => {
    const start = Math.round((workers / all) * bytes);
    workers += count;
    return [id, Math.round((workers / all) * bytes) - start];
  });
  const written = nodeSet(input, [...threads.keys()]);
  return describe('rows', {
    map: written === null ? '*:rows' : `*:rows(${written})`,
    threads,
    ...needs(nodes, model && Object.fromEntries(memory)),
  });
}

function spread({ threads, nodes }: StrategyInput): ThreadSpread {
  return threads === null ? threadPerCore(nodes) : spreadThreads(threads, nodes);
}

function ids(nodes: readonly UsableNode[]): number[] {
  return nodes.map((node) => node.id);
}

/** As numactl writes them; null where it is all nodes of the machine. */
function nodeSet({ topology }: StrategyInput, nodes: readonly number[]): string | null {
  return nodes.length === topology.nodes.length ? null : formatCpuList(nodes);
}

/** `memory` null: model unknown. */
function needs(
  nodes: readonly UsableNode[],
  memory: Readonly<Record<string, number>> | null,
): Pick<StrategyPlan, 'memory' | 'missingBytes'> {
  if (memory === null) return { memory: {}, missingBytes: null };
  const inUse = nodes.filter((node) => (memory[node.id] ?? 0) > 0);
  if (inUse.some((node) => node.availableBytes === null)) return { memory, missingBytes: null };
  const missing = inUse.map((node) => Math.max(0, (memory[node.id] ?? 0) - (node.availableBytes ?? 0)));
  return { memory, missingBytes: missing.reduce((sum, bytes) => sum + bytes, 0) };
}

function describe(
  name: StrategyName,
  parts: Pick<StrategyPlan, 'map' | 'memory' | 'missingBytes'> & { readonly threads: ThreadSpread },
): StrategyPlan {
  const { map, threads, memory, missingBytes } = parts;
  return {
    name,
    map,
    threads: Object.fromEntries(threads),
    predicted: null,
    bottleneck: null,
    memory,
    fits: missingBytes === null ? null : missingBytes === 0,
    missingBytes,
    lowerBoundSeconds: null,
  };
}
