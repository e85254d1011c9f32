// SPDX-License-Identifier: MIT
// Writes a model as several files, as llama-gguf-split does: all metadata in the first, three keys in each.
import { rm } from 'node:fs/promises';
import { ggufI32, ggufU16 } from './encode.js';
import { partPath } from './part-names.js';
import { splitKeys } from './split-keys.js';
import { type GgufToWrite, writeGguf } from './write-gguf.js';

/**
 * Writes `PREFIX-00001-of-0000N.gguf` and so on; `tensorCounts[i]` is how many tensors part i holds, and the last part
 * takes what is left. Returns the paths. Where one cannot be written, none is left.
 */
export async function writeGgufParts(
  prefix: string,
  content: GgufToWrite,
  tensorCounts: readonly number[],
): Promise<string[]> {
  const { tensors, metadata } = content;
  const count = tensorCounts.length + 1;
  const paths: string[] = [];
  let first = 0;
  try {
    for (const [index, tensorCount] of [...tensorCounts, tensors.length].entries()) {
      const path = partPath({ prefix, number: index + 1, count });
      paths.push(path);
      const split = {
        [splitKeys.index]: ggufU16(index),
        [splitKeys.count]: ggufU16(count),
        [splitKeys.tensorCount]: ggufI32(tensors.length),
      };
      await writeGguf(path, {
        ...content,
        metadata: index === 0 ? { ...metadata, ...split } : split,
        tensors: tensors.slice(first, first + tensorCount),
      });
      first += tensorCount;
    }
  } catch (error) {
    for (const path of paths) await rm(path, { force: true });
    throw error;
  }
  return paths;
}
