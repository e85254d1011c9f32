// SPDX-License-Identifier: MIT
// Models that speak, small enough to say some seventy tokens several times over in an emulated machine; and each with
// one bit of one weight page turned over: if a comparison of answers misses that, it is worthless.
import { readFile, writeFile } from 'node:fs/promises';
import { readGguf } from '../../../src/gguf/read-gguf.js';
import { buildDemoModel, type DemoModelSpec } from '../../../src/lab/models.js';
import { cachedModel } from '../cached-model.js';

const spec = {
  kind: 'dense',
  embedding: 256,
  layers: 2,
  feedForward: 768,
  experts: 0,
  expertsUsed: 0,
  heads: 4,
  vocabulary: 512,
  tokenizer: true,
  seed: 1,
} as const;

/** Unrepacked, repacked, and repacked with q6_K, which is not, in between. */
export type Quantization = 'q8_0' | 'q4_0' | 'q4_K_M';

/** `small-Q.gguf` in the lab's cache. */
export function smallTextModel(quantization: Quantization): Promise<string> {
  const whole: DemoModelSpec = { ...spec, quantization };
  return cachedModel(whole, `small-${quantization}.gguf`, (path) => buildDemoModel(path, whole));
}

const pageSize = 4096;
/** A matrix that every token's state goes through. */
const matrix = 'blk.0.attn_output.weight';
/** Bytes of a block; its second byte is the high one of its fp16 scale (ggml-common.h). */
const blockBytes: Readonly<Record<string, number>> = { q8_0: 34, q4_0: 18, q4_K: 144 };
/** In the scale's exponent: that block's weights become 16 times as large or as small. */
const bit = 0x10;

/** `small-Q-flipped.gguf`: the same but for one bit. */
export async function flippedModel(quantization: Quantization): Promise<string> {
  const plain = await smallTextModel(quantization);
  return cachedModel(
    { ...spec, quantization, matrix, bit },
    `small-${quantization}-flipped.gguf`,
    async (path) => {
      const tensor = (await readGguf(plain)).tensors.find(({ name }) => name === matrix);
      const bytes = tensor && blockBytes[tensor.type];
      if (!tensor || !bytes) throw new Error(`${plain}: no ${matrix} of a type known here`);
      const data = await readFile(plain);
      // A page of this tensor alone, not one it shares.
      const at = tensor.fileOffset + Math.ceil((2 * pageSize) / bytes) * bytes + 1;
      data[at] = (data[at] ?? 0) ^ bit;
      await writeFile(path, data);
    },
  );
}
