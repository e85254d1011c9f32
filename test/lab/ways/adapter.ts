// SPDX-License-Identifier: MIT
// A LoRA adapter for test/lab/main-job's small models, in the lab's cache.
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ggufF32, ggufString } from '../../../src/gguf/encode.js';
import { writeGguf } from '../../../src/gguf/write-gguf.js';
import { setting } from '../setting.js';

/** Embedding of the small models, and the adapter's rank. */
const width = 256;
const rank = 8;

/** `small-lora.gguf`: as llama_adapter_lora_init reads it. */
export async function smallAdapter(): Promise<string> {
  const folder = join(setting.cacheDirectory, 'models', 'lora');
  const path = join(folder, 'small-lora.gguf');
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true });
  const fill = (buffer: Uint8Array, offset: number): void => {
    const values = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    for (let at = 0; at < buffer.byteLength; at += 4)
      values.setFloat32(at, Math.sin((offset + at) * 0.37) / 16, true);
  };
  const temporary = `${path}.${process.pid}`;
  await writeGguf(temporary, {
    metadata: {
      'general.type': ggufString('adapter'),
      'general.architecture': ggufString('llama'),
      'adapter.type': ggufString('lora'),
      'adapter.lora.alpha': ggufF32(rank),
    },
    tensors: [
      { name: 'blk.0.attn_q.weight.lora_a', type: 'f32', shape: [width, rank], fill },
      { name: 'blk.0.attn_q.weight.lora_b', type: 'f32', shape: [rank, width], fill },
    ],
  });
  await rename(temporary, path);
  return path;
}
