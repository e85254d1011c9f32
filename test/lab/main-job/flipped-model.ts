// SPDX-License-Identifier: MIT
// A demo model with one bit of one weight page turned over: if a comparison of answers misses that, it is worthless.
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DemoModelName } from '../../../src/lab/models.js';
import { setting } from '../setting.js';
import { readModel } from './guest.js';

const pageSize = 4096;
/** A matrix that all of every token's state goes through. */
const matrix = 'blk.0.attn_output.weight';
/** Bytes of a block, and in it the high byte of its fp16 scale (ggml-common.h). */
const blocks = { q8_0: { byteLength: 34, scale: 1 }, q4_K: { byteLength: 144, scale: 1 } } as const;
/** In the scale's exponent: that block's weights become 16 times as large or as small. */
const bit = 0x10;

/** `NAME-flipped.gguf` in the lab's cache, beside the model it is made from. */
export async function flippedModel(name: DemoModelName): Promise<string> {
  const { path, tensors } = await readModel(name);
  const flipped = join(
    setting.cacheDirectory,
    'models',
    `flipped-${dirname(path).split('/').at(-1)}`,
    `${name}-flipped.gguf`,
  );
  if (existsSync(flipped)) return flipped;
  const tensor = tensors.find((candidate) => candidate.name === matrix);
  const block = tensor && blocks[tensor.type as keyof typeof blocks];
  if (!tensor || !block) throw new Error(`${name}: no ${matrix} of a type known here`);
  const data = await readFile(path);
  // Well inside: a whole page of this tensor, not one it shares.
  const index = Math.ceil((2 * pageSize) / block.byteLength);
  const at = tensor.fileOffset + index * block.byteLength + block.scale;
  data[at] = (data[at] ?? 0) ^ bit;
  await mkdir(dirname(flipped), { recursive: true });
  const temporary = `${flipped}.${process.pid}`;
  await writeFile(temporary, data);
  await rename(temporary, flipped);
  return flipped;
}
