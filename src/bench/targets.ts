// SPDX-License-Identifier: MIT
// What `npm run bench:run` holds its ratios against.
import type { Ratio } from './ratio.js';

export interface Target {
  readonly name: string;
  readonly ratio: Ratio;
  readonly wanted: string;
  readonly isMet: boolean;
}

/** Time: the ratio itself is at most `limit`. */
export function atMost(name: string, ratio: Ratio, limit: number): Target {
  return { name, ratio, wanted: `at most ${limit.toFixed(2)}`, isMet: ratio.ratio <= limit };
}

/** Speed that is not to be lost: as good is possible (the interval reaches `reach`), worse than `floor` is not. */
export function asFast(name: string, ratio: Ratio, reach: number, floor: number): Target {
  const isMet = ratio.high >= reach && ratio.low > floor;
  return { name, ratio, wanted: `reaches ${reach}, lies above ${floor}`, isMet };
}
