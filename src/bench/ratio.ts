// SPDX-License-Identifier: MIT
// How two ways compare that were measured in turn: the ratio of their medians, and how sure it is. Source of truth:
// Efron and Tibshirani, An Introduction to the Bootstrap (1993), percentile intervals.

/** One round: both measured one after the other, so that what else the machine did is much the same for both. */
export interface Pair {
  readonly ours: number;
  readonly theirs: number;
}

export interface Ratio {
  /** Median of ours over median of theirs. */
  readonly ratio: number;
  /** 95 in 100 such measurements have a ratio in here. */
  readonly low: number;
  readonly high: number;
  readonly pairs: number;
}

const resamples = 10_000;

/** The interval is the same for the same pairs. At least two pairs of positive figures. */
export function ratioOfMedians(pairs: readonly Pair[]): Ratio {
  const random = randomIndex(pairs.length);
  const ratios = Array.from({ length: resamples }, () => {
    const sample = pairs.map(() => pairs[random()] as Pair);
    return ratioOf(sample);
  }).sort(ascending);
  const at = (share: number) => ratios[Math.round(share * (resamples - 1))] ?? Number.NaN;
  return { ratio: ratioOf(pairs), low: at(0.025), high: at(0.975), pairs: pairs.length };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort(ascending);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

function ratioOf(pairs: readonly Pair[]): number {
  return median(pairs.map(({ ours }) => ours)) / median(pairs.map(({ theirs }) => theirs));
}

/** Numbers from 0 to below `length`, always the same ones (Numerical Recipes' generator, its high bits). */
function randomIndex(length: number): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * length);
  };
}

function ascending(left: number, right: number): number {
  return left - right;
}
