// SPDX-License-Identifier: MIT
// What a fuzzing run is told and what it tells.

/** @typedef {{ seed: number, seconds: number, executions: number }} FuzzOptions whichever limit comes first */
/**
 * @typedef {{
 *   name: string,
 *   executions: number,
 *   seconds: number,
 *   coverage: number,
 *   corpus: number,
 *   failure: string | null,
 * }} FuzzResult coverage: branches taken at least once
 */
export {};
