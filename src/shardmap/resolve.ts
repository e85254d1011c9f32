// SPDX-License-Identifier: MIT
// What a map means for a model on a machine: for each tensor, which bytes go to which node.
import { NumashardError } from '../errors.js';
import type { Model, ModelTensor } from '../model/types.js';
import { cutOf, type Repack, shapeOf } from './cut.js';
import { nodesOf } from './nodes-of.js';
import { type EmitRange, emitRanges } from './ranges.js';
import { reachInModel } from './rule-reach.js';
import { excerpt } from './rule-text.js';
import type {
  MachineNodes,
  Placement,
  PlacementRange,
  Resolution,
  Rule,
  ShardMap,
  Shares,
  Target,
} from './types.js';
import { findWarnings } from './warnings.js';

export interface ResolveOptions extends MachineNodes {
  /** Each node's share of the rows; empty or left out: equal shares of the nodes that `rows` names. */
  readonly shares?: Shares;
  /** How many workers compute; 0 or left out: unknown. */
  readonly workers?: number;
  readonly pageSize: number;
  /** Whether this machine's ggml repacks a tensor; left out: nothing is repacked. */
  readonly repack?: (tensor: ModelTensor) => Repack;
}

/** Above any machine, and small enough that products with row counts stay exact. */
const maxWorkers = 1_000_000;

/**
 * Throws `map-range` for layers past the model's last, `map-node` for nodes that the machine lacks, and
 * `map-rows-nodes` for shares on other nodes than the `rows` rules name.
 */
export function resolveShardMap(map: ShardMap, model: Model, options: ResolveOptions): Resolution {
  refuseBadOptions(options);
  refuseLayersPastLast(map, model);
  refuseAbsentNodes(map, options);
  refuseOtherShares(map, options);
  const sums = new Map([...options.nodes].sort((a, b) => a - b).map((node) => [node, 0]));
  const reach = reachInModel(map, model.tensors);
  const placements = model.tensors.map((tensor, index) => {
    const { placement, each } = place(tensor, reach.winners[index] ?? null, options);
    each((_, byteLength, node) => sums.set(node, (sums.get(node) ?? 0) + byteLength));
    return placement;
  });
  return {
    map,
    pageSize: options.pageSize,
    placements,
    nodes: [...sums].map(([id, byteLength]) => ({ id, byteLength })),
    warnings: findWarnings(map, model, reach),
  };
}

function place(
  tensor: ModelTensor,
  rule: Rule | null,
  options: ResolveOptions,
): { placement: Placement; each: (emit: EmitRange) => void } {
  const { pageSize, shares = [], workers = 0 } = options;
  const target = rule?.target ?? roundRobin(tensor.layer, options.nodes);
  const cut = cutOf(tensor, options.repack?.(tensor));
  const each = (emit: EmitRange) =>
    emitRanges(
      {
        target,
        shape: shapeOf(tensor),
        cut,
        machine: options,
        shares,
        workers,
        pagePhase: tensor.fileOffset % pageSize,
        pageSize,
      },
      emit,
    );
  const placement = {
    tensor,
    rule: rule?.text ?? null,
    target,
    cut,
    get ranges(): readonly PlacementRange[] {
      const ranges: PlacementRange[] = [];
      each((offset, byteLength, node) => ranges.push({ offset, byteLength, node }));
      return ranges;
    },
  };
  return { placement, each };
}

/** Layer mod nodes; outside layers, the first node. */
function roundRobin(layer: number | null, nodes: readonly number[]): Target {
  return { kind: 'node', node: nodes[(layer ?? 0) % nodes.length] ?? 0 };
}

function refuseBadOptions({ nodes, pageSize, workers = 0, shares = [] }: ResolveOptions): void {
  const weights = shares.reduce((sum, { weight }) => sum + weight, 0);
  if (nodes.length === 0) throw new NumashardError('map-node', 'the machine has no node with memory');
  if (!Number.isInteger(pageSize) || pageSize < 1) {
    throw new NumashardError('usage', `page size ${pageSize} is not a positive number of bytes`);
  }
  for (const [what, count] of [
    ['number of workers', workers],
    ['sum of the shares', weights],
  ] as const) {
    if (Number.isInteger(count) && count >= 0 && count <= maxWorkers) continue;
    throw new NumashardError('usage', `${what} ${count} is not an integer from 0 to ${maxWorkers}`);
  }
}

function refuseLayersPastLast(map: ShardMap, model: Model): void {
  const count = model.tensors.reduce(
    (most, { layer }) => Math.max(most, (layer ?? -1) + 1),
    model.blockCount,
  );
  for (const { selector, text, column } of map) {
    if (selector.kind !== 'layers' && selector.kind !== 'layers.role') continue;
    if (selector.last < count) continue;
    const problem = `layer ${selector.last} is past the model's last, ${count - 1}`;
    throw new NumashardError(
      'map-range',
      `shard map, column ${column}, rule '${excerpt(text)}': ${problem}`,
      {
        exitCode: 2,
        hint: `the model has ${count} layers, counted from 0`,
      },
    );
  }
}

/** The map may have been read before the machine was known. */
function refuseAbsentNodes(map: ShardMap, machine: MachineNodes): void {
  for (const { target, text, column } of map) {
    const where = `shard map, column ${column}, rule '${excerpt(text)}'`;
    const allowed = target.kind === 'rows' ? machine.usableNodes : machine.nodes;
    const nodes = nodesOf(target, machine);
    const absent = nodes.find((node) => !allowed.includes(node));
    if (absent === undefined && nodes.length > 0) continue;
    const problem = absent === undefined ? 'no node has both CPUs and memory' : `no node ${absent} for it`;
    const hint = `nodes of this machine: ${allowed.join(', ')}`;
    throw new NumashardError('map-node', `${where}: ${problem}`, { exitCode: 2, hint });
  }
}

/** Shares say where workers live; where `rows` says `all`, they may leave nodes out. */
function refuseOtherShares(map: ShardMap, { shares = [], ...machine }: ResolveOptions): void {
  if (shares.length === 0) return;
  for (const { target, text, column } of map) {
    if (target.kind !== 'rows') continue;
    const nodes = nodesOf(target, machine);
    const used = shares.filter(({ weight }) => weight > 0).map(({ node }) => node);
    const isInside = used.every((node) => nodes.includes(node));
    if (isInside && (target.nodes === 'all' || nodes.every((node) => used.includes(node)))) continue;
    const problem = `workers live on nodes ${used.join(', ')}, the rule names ${nodes.join(', ')}`;
    throw new NumashardError(
      'map-rows-nodes',
      `shard map, column ${column}, rule '${excerpt(text)}': ${problem}`,
      {
        exitCode: 2,
        hint: 'give every node of the rule a share, and no other node',
      },
    );
  }
}
