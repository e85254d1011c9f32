// SPDX-License-Identifier: MIT
// A tensor's bytes and their nodes under one target, before rounding to pages.
import { assumedWorkers, cutStart, lastWorkers, type TensorShape } from './cut.js';
import { nodesOf } from './nodes-of.js';
import type { Cut, MachineNodes, Shares, Target } from './types.js';

export type EmitRange = (offset: number, byteLength: number, node: number) => void;

export interface RangeInput {
  readonly target: Target;
  readonly shape: TensorShape;
  readonly cut: Cut;
  readonly machine: MachineNodes;
  /** Empty: equal shares of the target's nodes. */
  readonly shares: Shares;
  /** 0: unknown. */
  readonly workers: number;
  /** Where in a page the tensor begins. */
  readonly pagePhase: number;
  readonly pageSize: number;
}

/** Emits ranges in order, disjoint, covering the tensor; neighbours on the same node are one range. */
export function emitRanges(input: RangeInput, emit: EmitRange): void {
  const { target, shape, cut, machine } = input;
  const join = createJoiner(emit);
  const nodes = nodesOf(target, machine);
  const byteLength = shape.rowByteLength * shape.rows * shape.matrices;
  switch (target.kind) {
    case 'node':
      join(byteLength, target.node);
      break;
    case 'cyclic':
      emitSlices(shape, target.slices, nodes, join);
      break;
    case 'rows': {
      const equal = nodes.map((node) => ({ node, weight: 1 }));
      const shares = input.shares.length > 0 ? input.shares : equal;
      if (cut.kind !== 'none') emitRows(input, shares, join);
      else
        emitPages(
          input,
          shares.map(({ node }) => ({ node, weight: 1 })),
          byteLength,
          join,
        );
      break;
    }
    case 'interleave':
      emitPages(
        input,
        nodes.map((node) => ({ node, weight: 1 })),
        byteLength,
        join,
      );
      break;
    case 'weighted':
      emitPages(input, target.weights, byteLength, join);
      break;
    default:
      target satisfies never;
  }
  join(Number.POSITIVE_INFINITY, -1);
}

/** Takes the end of each stretch; hands on a range when the node changes. */
function createJoiner(emit: EmitRange): (end: number, node: number) => void {
  let start = 0;
  let reached = 0;
  let current = -1;
  return (end, node) => {
    if (end <= reached) return;
    if (node !== current) {
      if (reached > start) emit(start, reached - start, current);
      start = reached;
      current = node;
    }
    reached = end;
  };
}

type Join = (end: number, node: number) => void;

/** `weight` pages on each node in turn, counted from the tensor's first page. */
function emitPages({ pagePhase, pageSize }: RangeInput, cycle: Shares, byteLength: number, join: Join): void {
  const only = cycle.length === 1 ? cycle[0] : undefined;
  if (only) join(byteLength, only.node);
  if (cycle.length <= 1) return;
  for (let boundary = -pagePhase; boundary < byteLength; ) {
    for (const { node, weight } of cycle) {
      boundary += weight * pageSize;
      join(Math.min(boundary, byteLength), node);
    }
  }
}

/** Each node gets the rows of the workers that live there. */
function emitRows({ shape, cut, workers }: RangeInput, shares: Shares, join: Join): void {
  const isWhole = cut.kind === 'matrices';
  const units = isWhole ? shape.matrices : shape.rows;
  const unitByteLength = isWhole ? shape.rowByteLength * shape.rows : shape.rowByteLength;
  const count = workers > 0 ? workers : assumedWorkers(shares);
  const ends = lastWorkers(shares, count).map((worker) => cutStart(cut, units, worker, count));
  for (let matrix = 0; matrix < (isWhole ? 1 : shape.matrices); matrix++) {
    for (const [index, { node }] of shares.entries()) {
      join((matrix * units + (ends[index] ?? 0)) * unitByteLength, node);
    }
  }
}

/** What `--numa distribute` reads: slice i of the rows on the i-th node in turn. */
function emitSlices(shape: TensorShape, slices: number, nodes: readonly number[], join: Join): void {
  const plain: Cut = { kind: 'rows', group: 1 };
  for (let matrix = 0; matrix < shape.matrices; matrix++) {
    for (let slice = 0; slice < slices; slice++) {
      const end = cutStart(plain, shape.rows, slice + 1, slices);
      join((matrix * shape.rows + end) * shape.rowByteLength, nodes[slice % nodes.length] ?? 0);
    }
  }
}
