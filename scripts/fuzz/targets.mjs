// SPDX-License-Identifier: MIT
// The parsers of src/ that are fuzzed. Each answers every input with what its documentation promises, or with a
// NumashardError; whatever else happens is a find.
import { openGguf } from './targets/gguf.mjs';
import { openMap } from './targets/map.mjs';
import { openReport } from './targets/report.mjs';
import { openSysfs } from './targets/sysfs.mjs';

/**
 * @typedef {{
 *   seeds: Uint8Array[],
 *   tokens: Uint8Array[],
 *   maxLength?: number,
 *   run(input: Uint8Array): Promise<void> | void,
 * }} Target
 */
/** Imports a module of dist/, branches counted. @typedef {(module: string) => Promise<any>} Load */

/** @type {Readonly<Record<string, (load: Load) => Promise<Target>>>} */
export const targets = { gguf: openGguf, map: openMap, sysfs: openSysfs, report: openReport };

/** Folders of dist/ that they run. */
export const countedFolders = ['gguf', 'model', 'shardmap', 'topology', 'plan', 'runtime'];
