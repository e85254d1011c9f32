// SPDX-License-Identifier: MIT
// A model in one file or several: given any part, finds the others by name, as llama.cpp does from the first, and
// makes sure that they belong together. Source of truth: llama-model-loader.cpp.
import { existsSync } from 'node:fs';
import { NumashardError } from '../errors.js';
import { checkParts } from './check-parts.js';
import { type PartName, parsePartPath, partPath } from './part-names.js';
import { type ReadGgufOptions, readGguf } from './read-gguf.js';
import { type Split, splitOf } from './split-keys.js';
import type { GgufFile } from './types.js';

/**
 * Reads all parts of the model that the GGUF file at `path` belongs to, in their order; one file for a model in one.
 * Throws what `readGguf` does, and `gguf-split` where parts are missing or not of one model.
 */
export async function readGgufParts(
  path: string,
  options: ReadGgufOptions = {},
): Promise<readonly GgufFile[]> {
  const given = await readGguf(path, options);
  const split = splitOf(given);
  if (split === null) return [given];
  const paths = partPaths(path, split);
  const parts: GgufFile[] = [];
  for (const [index, part] of paths.entries()) {
    parts.push(index === split.index ? given : await readGguf(part, { ...options, startOffset: 0 }));
  }
  checkParts(parts);
  return parts;
}

function partPaths(path: string, split: Split): string[] {
  const name = parsePartPath(path);
  if (name === null || name.number !== split.index + 1 || name.count !== split.count)
    throw misnamed(path, split);
  const paths = Array.from({ length: split.count }, (_, index) => partPath({ ...name, number: index + 1 }));
  const missing = paths.filter((part) => part !== path && !existsSync(part));
  if (missing.length > 0) throw incomplete(name, missing);
  return paths;
}

function misnamed(path: string, { index, count }: Split): NumashardError {
  const name: PartName = { prefix: 'NAME', number: index + 1, count };
  const message = `${path} is part ${index + 1} of ${count} by its metadata, and is not named so`;
  return new NumashardError('gguf-split', message, {
    hint: `name it ${partPath(name)}, beside the other parts: llama.cpp finds them by their names`,
  });
}

const LISTED = 3;

function incomplete({ count }: PartName, missing: readonly string[]): NumashardError {
  const listed = missing.slice(0, LISTED).join(', ');
  const more = missing.length > LISTED ? ` and ${missing.length - LISTED} more` : '';
  const parts = missing.length === 1 ? 'a part is' : `${missing.length} parts are`;
  return new NumashardError('gguf-split', `${parts} missing of ${count}: ${listed}${more}`, {
    hint: 'fetch what is missing; all parts belong into one folder, under the names they were published with',
  });
}
