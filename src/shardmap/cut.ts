// SPDX-License-Identifier: MIT
// Which worker reads which rows, and on which node it lives. Source of truth: ggml-cpu's mul_mat, mul_mat_id and
// repack.cpp as docs/cuts.md tells them; native/include/ggml-numa-shard.h computes the same.
import type { ModelTensor } from '../model/types.js';
import type { Cut, Shares } from './types.js';

/** A tensor as ggml cuts it: `matrices` (ne2 · ne3) of `rows` (ne1) of `rowByteLength` bytes. */
export interface TensorShape {
  readonly rowByteLength: number;
  readonly rows: number;
  readonly matrices: number;
}

export interface Repack {
  readonly repacked: boolean;
  /** Rows that the repacked format keeps together: 4, 8 or 16. */
  readonly group: number;
}

export function shapeOf({ shape, byteLength }: Pick<ModelTensor, 'shape' | 'byteLength'>): TensorShape {
  const rows = shape[1] ?? 1;
  const matrices = shape.slice(2).reduce((product, length) => product * length, 1);
  const rowByteLength = byteLength / (rows * matrices);
  return Number.isInteger(rowByteLength)
    ? { rowByteLength, rows, matrices }
    : { rowByteLength: byteLength, rows: 1, matrices: 1 };
}

/** How ggml cuts the product that reads this tensor; unknown repacking counts as none. */
export function cutOf(
  tensor: Pick<ModelTensor, 'name' | 'role' | 'shape' | 'byteLength'>,
  repack: Repack = { repacked: false, group: 1 },
): Cut {
  const { rows, matrices } = shapeOf(tensor);
  const isLookedUp = tensor.role === 'norm' || tensor.role === 'embed';
  if (isLookedUp || rows * matrices <= 1 || tensor.name.endsWith('.bias')) return { kind: 'none', group: 1 };
  if (matrices > 1 && tensor.name.includes('.attn_v_b.')) return { kind: 'matrices', group: 1 };
  if (!repack.repacked) return { kind: 'rows', group: 1 };
  return { kind: matrices > 1 ? 'rows-repacked-experts' : 'rows-repacked', group: repack.group };
}

/** Rows of each matrix (`matrices`: matrices) that worker i of n reads, `end` exclusive; all under `none`. */
export function workerRows(
  cut: Cut,
  { rows, matrices }: Pick<TensorShape, 'rows' | 'matrices'>,
  worker: number,
  workers: number,
): { first: number; end: number } {
  const units = cut.kind === 'matrices' ? matrices : rows;
  if (cut.kind === 'none') return { first: 0, end: units };
  return { first: cutStart(cut, units, worker, workers), end: cutStart(cut, units, worker + 1, workers) };
}

/** Where worker i's part begins, which is where worker i−1's ends. Units are rows, or whole matrices. */
export function cutStart(cut: Cut, units: number, worker: number, workers: number): number {
  if (cut.kind === 'rows-repacked-experts') {
    return Math.min(roundUp(Math.floor((worker * units) / workers), cut.group), units);
  }
  const start = Math.min(worker * Math.ceil(units / workers), units);
  return cut.kind === 'rows-repacked' ? Math.min(roundUp(start, cut.group), units) : start;
}

function roundUp(value: number, group: number): number {
  return group > 1 ? Math.ceil(value / group) * group : value;
}

/** Index of the share on whose node worker i of n lives: the one that contains (i + ½)/n. */
export function homeShare(shares: Shares, worker: number, workers: number): number {
  const weights = weightsOf(shares);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  let upTo = 0;
  for (const [index, weight] of weights.entries()) {
    upTo += weight;
    if ((2 * worker + 1) * sum < 2 * workers * upTo) return index;
  }
  return shares.length - 1;
}

/** For each share, the first worker after its own: share k has workers from the previous figure to this one. */
export function lastWorkers(shares: Shares, workers: number): number[] {
  const weights = weightsOf(shares);
  const sum = weights.reduce((total, weight) => total + weight, 0);
  let upTo = 0;
  return weights.map((weight) => {
    upTo += weight;
    const twice = 2 * workers * upTo;
    return twice <= sum ? 0 : Math.floor((twice + sum - 1) / (2 * sum));
  });
}

/** Workers when nobody says how many: one a share, or as many as unequal weights add up to. */
export function assumedWorkers(shares: Shares): number {
  const isEqual = shares.every(({ weight }) => weight === shares[0]?.weight);
  return isEqual ? shares.length : shares.reduce((total, { weight }) => total + Math.max(weight, 0), 0);
}

/** No weight at all means equal shares. */
function weightsOf(shares: Shares): number[] {
  const weights = shares.map(({ weight }) => Math.max(weight, 0));
  return weights.some((weight) => weight > 0) ? weights : weights.map(() => 1);
}
