// SPDX-License-Identifier: MIT
// What a file's metadata says of the split model that it is a part of. Source of truth: LLM_KV_SPLIT_… in
// llama-arch.cpp and llama-model-loader.cpp.
import { NumashardError } from '../errors.js';
import type { GgufFile } from './types.js';

export const splitKeys = {
  /** Which part this is, from 0. */
  index: 'split.no',
  count: 'split.count',
  /** Of all parts together. */
  tensorCount: 'split.tensors.count',
} as const;

export interface Split {
  readonly index: number;
  /** At least 2. */
  readonly count: number;
  /** null where it is missing. */
  readonly tensorCount: number | null;
}

/** llama.cpp keeps index and count in 16 bits; the names of parts have five digits. */
const MAX_PARTS = 65_535;

/** null for a model in one file. Throws `gguf-split` for values that make no sense. */
export function splitOf(file: Pick<GgufFile, 'path' | 'metadata'>): Split | null {
  const count = readKey(file, splitKeys.count, 1, MAX_PARTS);
  if (count === null || count <= 1) return null;
  const index = readKey(file, splitKeys.index, 0, count - 1);
  if (index === null)
    throw refused(file.path, `${splitKeys.count} is ${count}, and ${splitKeys.index} is missing`);
  return { index, count, tensorCount: readKey(file, splitKeys.tensorCount, 0, Number.MAX_SAFE_INTEGER) };
}

function readKey(
  { path, metadata }: Pick<GgufFile, 'path' | 'metadata'>,
  key: string,
  least: number,
  most: number,
): number | null {
  const value = metadata.get(key);
  if (value === undefined) return null;
  const number = typeof value === 'bigint' ? Number(value) : value;
  // Some writers say 0 of 0 for a model in one file.
  const isUnsplit = key === splitKeys.count && number === 0;
  if (
    typeof number === 'number' &&
    Number.isInteger(number) &&
    number <= most &&
    (number >= least || isUnsplit)
  )
    return number;
  const shown = typeof value === 'object' ? 'an array' : `${value}`;
  throw refused(path, `${key} is ${shown}, allowed ${least} to ${most}`);
}

function refused(path: string, what: string): NumashardError {
  return new NumashardError('gguf-split', `${what} (${path}, metadata)`, { hint: 'fetch the model again' });
}
