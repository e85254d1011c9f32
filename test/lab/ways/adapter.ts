// SPDX-License-Identifier: MIT
// A LoRA adapter for test/lab/main-job's small models, in the lab's cache.
import { ggufF32, ggufString } from '../../../src/gguf/encode.js';
import { writeGguf } from '../../../src/gguf/write-gguf.js';
import { cachedModel } from '../cached-model.js';

/** Embedding of the small models, and the adapter's rank. */
const width = 256;
const rank = 8;
/** Weights are a sine over their bytes. */
const wave = { step: 0.37, height: 1 / 16 };

const metadata = {
  'general.type': ggufString('adapter'),
  'general.architecture': ggufString('llama'),
  'adapter.type': ggufString('lora'),
  'adapter.lora.alpha': ggufF32(rank),
};
const tensors = [
  { name: 'blk.0.attn_q.weight.lora_a', type: 'f32', shape: [width, rank], fill },
  { name: 'blk.0.attn_q.weight.lora_b', type: 'f32', shape: [rank, width], fill },
] as const;

/** `small-lora.gguf`: as llama_adapter_lora_init reads it. */
export function smallAdapter(): Promise<string> {
  return cachedModel({ metadata, tensors, wave }, 'small-lora.gguf', (path) =>
    writeGguf(path, { metadata, tensors }),
  );
}

function fill(buffer: Uint8Array, offset: number): void {
  const values = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  for (let at = 0; at < buffer.byteLength; at += 4)
    values.setFloat32(at, Math.sin((offset + at) * wave.step) * wave.height, true);
}
