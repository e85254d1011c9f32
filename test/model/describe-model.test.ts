// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import type { GgufFile, GgufValue } from '../../src/gguf/types.js';
import { describeModel } from '../../src/model/describe-model.js';
import { inspectDocument } from '../../src/model/inspect.js';

function file(metadata: Readonly<Record<string, GgufValue>>, names: readonly string[]): GgufFile {
  return {
    path: 'model.gguf',
    byteLength: 10_000,
    version: 3,
    byteOrder: 'little',
    alignment: 32,
    dataOffset: 1024,
    metadata: new Map(Object.entries(metadata)),
    tensors: names.map((name, i) => ({
      name,
      type: 'f32',
      shape: [8],
      byteLength: 32,
      file: 'model.gguf',
      fileOffset: 1024 + 32 * i,
    })),
  };
}

const role = (source: GgufFile, name: string) =>
  describeModel(source).tensors.find((tensor) => tensor.name === name)?.role;

describe('describeModel', () => {
  it('refuses one part of a split model instead of describing a part as the whole', () => {
    const part = file({ 'split.count': 3, 'split.no': 1 }, []);
    expect(() => describeModel(part)).toThrow('model.gguf is part 2 of 3 of a split model');
    const first = file({ 'split.count': 3, 'split.no': 0 }, []);
    expect(() => describeModel([first, part])).toThrow('is the first of only 2 parts of 3');
    expect(() => describeModel([])).toThrow('no parts');
    expect(describeModel(file({ 'split.count': 1 }, ['output.weight'])).tensors).toHaveLength(1);
  });

  it('takes the parts of a split model as one, metadata from the first', () => {
    const split = (index: number) => ({ 'split.count': 2, 'split.no': index });
    const metadata = { 'general.architecture': 'qwen3', 'qwen3.block_count': 4, ...split(0) };
    const second = { ...file(split(1), ['output.weight']), path: 'second.gguf' };
    const model = describeModel([file(metadata, ['token_embd.weight']), second]);
    expect(model).toMatchObject({ architecture: 'qwen3', blockCount: 4, byteLength: 64 });
    expect(model.files.map(({ path }) => path)).toEqual(['model.gguf', 'second.gguf']);
    // The output matrix is in another part: the embedding is not tied.
    expect(model.tensors.map(({ name, role }) => [name, role])).toEqual([
      ['token_embd.weight', 'embed'],
      ['output.weight', 'output'],
    ]);
  });

  it('takes architecture and block count from the metadata', () => {
    const model = describeModel(
      file({ 'general.architecture': 'qwen3', 'qwen3.block_count': 4 }, ['blk.0.attn_q.weight']),
    );
    expect(model).toMatchObject({ architecture: 'qwen3', blockCount: 4, byteLength: 32 });
  });

  it.each([-1, 1.5, 1e9, 'four', undefined])('counts the blocks itself when block_count is %s', (stated) => {
    const metadata = {
      'general.architecture': 'llama',
      ...(stated !== undefined && { 'llama.block_count': stated }),
    };
    expect(describeModel(file(metadata, ['blk.6.attn_q.weight', 'blk.2.attn_q.weight'])).blockCount).toBe(7);
  });

  it('does without any metadata', () => {
    expect(describeModel(file({}, []))).toMatchObject({
      architecture: 'unknown',
      blockCount: 0,
      byteLength: 0,
    });
  });

  it('calls a tied embedding output', () => {
    const llama = { 'general.architecture': 'llama' };
    expect(role(file(llama, ['token_embd.weight', 'output_norm.weight']), 'token_embd.weight')).toBe(
      'output',
    );
    expect(role(file(llama, ['token_embd.weight', 'output.weight']), 'token_embd.weight')).toBe('embed');
  });

  it('knows that an encoder has no output matrix', () => {
    expect(role(file({ 'general.architecture': 'bert' }, ['token_embd.weight']), 'token_embd.weight')).toBe(
      'embed',
    );
  });
});

describe('inspectDocument', () => {
  it('has the promised fields and no others', () => {
    const source = file({ 'general.architecture': 'llama', 'llama.block_count': 1 }, ['blk.0.ffn_up.weight']);
    expect(JSON.parse(JSON.stringify(inspectDocument(describeModel(source))))).toEqual({
      schema: 'numashard/inspect/1',
      architecture: 'llama',
      blockCount: 1,
      byteLength: 32,
      files: [{ path: 'model.gguf', byteLength: 10_000 }],
      tensors: [
        {
          name: 'blk.0.ffn_up.weight',
          layer: 0,
          role: 'ffn',
          type: 'f32',
          shape: [8],
          byteLength: 32,
          file: 'model.gguf',
          fileOffset: 1024,
        },
      ],
    });
  });
});
