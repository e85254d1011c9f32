// SPDX-License-Identifier: MIT
// Random numbers from a seed, so that a run can be had again. Source of truth: Steele, Lea and Flood, Fast splittable
// pseudorandom number generators (2014), in 32 bits (mulberry32). Weaker ones never meet some changes in a row.

/** @typedef {(below: number) => number} Random an integer from 0 to below − 1 */

/** @param {number} seed @returns {Random} */
export function randomFrom(seed) {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
