// SPDX-License-Identifier: MIT
// Rows worker by worker: what each reads in all, and the worker that is worst served by one tensor.
import type { RowBytes, Verification } from './types.js';

/** A tensor whose rows have owners: what each worker reads of it, by index. */
export interface OwnedTensor {
  readonly name: string;
  readonly byteLength: number;
  /** Stretches of memory that each worker reads: one a matrix, or one in all. */
  readonly stretches: number;
  readonly workers: readonly RowBytes[];
}

/** In smaller tensors a page is too large a part of what one worker reads. */
const smallTensor = 64 * 1024;
/** Share of a worker's rows in one tensor that must be local, unless page granularity allows less. */
const wantedShare = 0.98;
const boundTolerance = 0.0015;

export function addWorker(owned: readonly OwnedTensor[], index: number): RowBytes {
  let byteLength = 0;
  let localBytes = 0;
  for (const { workers } of owned) {
    byteLength += workers[index]?.byteLength ?? 0;
    localBytes += workers[index]?.localBytes ?? 0;
  }
  return { byteLength, localBytes };
}

/** The lowest local share; one that pages explain only where no other falls short. null: no rows have owners. */
export function findWorstRows(owned: readonly OwnedTensor[], pageSize: number): Verification['worstRows'] {
  let worst: NonNullable<Verification['worstRows']> | null = null;
  for (const { name, byteLength, stretches, workers } of owned) {
    if (byteLength < smallTensor) continue;
    for (const [worker, rows] of workers.entries()) {
      if (rows.byteLength === 0) continue;
      // A page at the end of a stretch goes to the node with most of it: half a page lost at either end.
      const bound = Math.max(0, 1 - (stretches * pageSize) / rows.byteLength);
      const candidate = { tensor: name, worker, ...rows, bound };
      if (worst === null || isWorse(candidate, worst)) worst = candidate;
    }
  }
  return worst;
}

type Worst = Pick<NonNullable<Verification['worstRows']>, 'byteLength' | 'localBytes' | 'bound'>;

export function wantedOf({ bound }: Pick<Worst, 'bound'>): number {
  return Math.min(wantedShare, bound - boundTolerance);
}

export function fallsShort(rows: Worst): boolean {
  return shareOf(rows) < wantedOf(rows);
}

function isWorse(left: Worst, right: Worst): boolean {
  const [leftShort, rightShort] = [fallsShort(left), fallsShort(right)];
  return leftShort === rightShort ? shareOf(left) < shareOf(right) : leftShort;
}

function shareOf({ localBytes, byteLength }: RowBytes): number {
  return localBytes / byteLength;
}
