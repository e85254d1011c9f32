// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { EncodableValue } from '../../src/gguf/encode.js';
import { readGguf } from '../../src/gguf/read-gguf.js';
import type { GgufFile } from '../../src/gguf/types.js';
import { randomBlocks, toHalf } from '../../src/lab/model-blocks.js';
import { demoTensors } from '../../src/lab/model-tensors.js';
import { buildTokenizer } from '../../src/lab/model-tokenizer.js';
import { buildDemoModel, type DemoModelSpec, demoModels } from '../../src/lab/models.js';
import { describeModel } from '../../src/model/describe-model.js';
import { dequantize, fromHalf } from './dequantize.js';

const folder = mkdtempSync(join(tmpdir(), 'numashard-models-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tiny: DemoModelSpec = {
  ...demoModels['text-q4_K_M'],
  embedding: 256,
  layers: 2,
  feedForward: 256,
  heads: 4,
  vocabulary: 300,
};

async function build(name: string, spec: DemoModelSpec): Promise<{ file: GgufFile; bytes: Buffer }> {
  const path = join(folder, name);
  await buildDemoModel(path, spec);
  return { file: await readGguf(path), bytes: readFileSync(path) };
}

function strings(value: EncodableValue | undefined): readonly string[] {
  if (value?.type !== 'array' || value.elementType !== 'string') throw new Error('not an array of strings');
  return value.value;
}

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('the data', () => {
  it.each(['q8_0', 'q4_0', 'q4_K', 'q5_K', 'q6_K', 'f16', 'f32'])(
    '%s has mean 0 and the asked deviation',
    (type) => {
      const blockBytes = { q8_0: 34, q4_0: 18, q4_K: 144, q5_K: 176, q6_K: 210, f16: 2, f32: 4 }[type] ?? 0;
      const bytes = new Uint8Array(blockBytes * Math.floor(400_000 / blockBytes));
      randomBlocks(type, 0.03, 'seed')(bytes);
      const weights = dequantize(type, bytes);
      const mean = weights.reduce((sum, x) => sum + x, 0) / weights.length;
      const deviation = Math.sqrt(weights.reduce((sum, x) => sum + (x - mean) ** 2, 0) / weights.length);
      expect(Math.abs(mean)).toBeLessThan(0.0006);
      expect(Math.abs(deviation / 0.03 - 1)).toBeLessThan(0.06);
    },
  );

  it('refuses a type it cannot make', () => {
    expect(() => randomBlocks('iq2_xs', 1, '')).toThrow('no random blocks for type "iq2_xs"');
  });

  it('halves survive their encoding, subnormal ones too', () => {
    for (let bits = 0; bits < 0x7c00; bits++) expect(toHalf(fromHalf(bits))).toBe(bits);
    expect(toHalf(-0.5)).toBe(0xb800);
    // 2047.6 / 2048 rounds up into the next power of two.
    expect(fromHalf(toHalf(2047.6 / 2048))).toBe(1);
  });
});

describe('the tokenizer', () => {
  it.each([258, 1638])('refuses %i tokens', (size) => {
    expect(() => buildTokenizer(size)).toThrow(`demo vocabulary of ${size} tokens, allowed 259 to 1637`);
  });

  it('has each token once, as GPT-2 spells bytes', () => {
    const { metadata, isPrintable } = buildTokenizer(1024);
    const tokens = strings(metadata['tokenizer.ggml.tokens']);
    expect(new Set(tokens).size).toBe(1024);
    expect([tokens[3], tokens[3 + 0x20], tokens[3 + 0x41], tokens[3 + 0x0a]]).toEqual(['Ā', 'Ġ', 'A', 'Ċ']);
    expect([0, 3 + 0x0a, 3 + 0x20, 3 + 0x41, 1023].map(isPrintable)).toEqual([
      false,
      false,
      true,
      true,
      true,
    ]);
  });

  it('merges only tokens that exist, into tokens that exist', () => {
    const { metadata } = buildTokenizer(1637);
    const tokens = new Set(strings(metadata['tokenizer.ggml.tokens']));
    for (const merge of strings(metadata['tokenizer.ggml.merges'])) {
      const [left = '', right = ''] = merge.split(' ');
      expect(
        [left, right, left + right].every((token) => tokens.has(token)),
        merge,
      ).toBe(true);
    }
  });
});

describe('a built model', () => {
  it('is the same for the same seed and another for another', async () => {
    const [first, again, other] = [
      await build('first.gguf', tiny),
      await build('again.gguf', tiny),
      await build('other.gguf', { ...tiny, seed: 2 }),
    ];
    expect(digest(again.bytes)).toBe(digest(first.bytes));
    expect(digest(other.bytes)).not.toBe(digest(first.bytes));
  });

  it('gives weight only to printable tokens, whatever the size of the chunks', async () => {
    const vocabulary = 1637;
    const { file, bytes } = await build('silent.gguf', {
      ...tiny,
      quantization: 'f16',
      embedding: 512,
      vocabulary,
    });
    const { isPrintable } = buildTokenizer(vocabulary);
    const output = file.tensors.find(({ name }) => name === 'output.weight');
    if (!output) throw new Error('no output matrix');
    for (let token = 0; token < vocabulary; token++) {
      const row = bytes.subarray(output.fileOffset + token * 1024, output.fileOffset + (token + 1) * 1024);
      expect(
        row.some((byte) => byte !== 0),
        `token ${token}`,
      ).toBe(isPrintable(token));
    }
  });

  it('without a tokenizer says so', async () => {
    const { file } = await build('plain.gguf', { ...tiny, tokenizer: false });
    expect(file.metadata.get('tokenizer.ggml.model')).toBe('no_vocab');
    expect(file.metadata.get('llama.vocab_size')).toBe(300);
  });

  it('of experts has routers and experts', async () => {
    const { file } = await build('moe.gguf', { ...tiny, kind: 'moe', experts: 8, expertsUsed: 2 });
    const model = describeModel(file);
    expect(model.blockCount).toBe(2);
    const shapes = model.tensors
      .filter(({ layer }) => layer === 0)
      .map(({ name, type, shape }) => [name, type, ...shape]);
    expect(shapes).toContainEqual(['blk.0.ffn_gate_inp.weight', 'f32', 256, 8]);
    expect(shapes).toContainEqual(['blk.0.ffn_gate_exps.weight', 'q4_K', 256, 256, 8]);
    expect(shapes).toContainEqual(['blk.0.attn_v.weight', 'q8_0', 256, 256]);
    expect(shapes).toContainEqual(['blk.0.attn_output.weight', 'q5_K', 256, 256]);
  });
});

describe('the presets', () => {
  it('build to the sizes they promise', async () => {
    const { file } = await build('layers32.gguf', demoModels.layers32);
    const { blockCount, byteLength } = describeModel(file);
    expect(blockCount).toBe(32);
    expect(byteLength / 2 ** 20).toBeGreaterThan(36);
    expect(byteLength / 2 ** 20).toBeLessThan(45);
  });

  it('q4_K_M mixes q4_K with q6_K as llama-quantize does', () => {
    const tensors = demoTensors(demoModels['dense-q4_K_M']);
    const improved = tensors.filter(({ name, type }) => name.includes('ffn_down') && type === 'q6_K');
    // use_more_bits for 10 layers: the first (10/8), from 70/8 on, and every third between.
    expect(improved.map(({ name }) => Number(name.split('.')[1]))).toEqual([0, 3, 6, 8, 9]);
    expect(tensors.find(({ name }) => name === 'output.weight')?.type).toBe('q6_K');
    expect(tensors.find(({ name }) => name === 'token_embd.weight')?.type).toBe('q4_K');
  });
});
