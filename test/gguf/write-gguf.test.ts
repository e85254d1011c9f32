// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EncodableValue } from '../../src/gguf/encode.js';
import { readGguf } from '../../src/gguf/read-gguf.js';
import { tensorTypeByName, tensorTypes } from '../../src/gguf/tensor-types.js';
import { writeGguf } from '../../src/gguf/write-gguf.js';
import { forms, useFolder } from './craft.js';

const folder = useFolder();

const tensor = (name: string, type: string, shape: readonly number[]) => ({
  name,
  type,
  shape,
  fill: (buffer: Uint8Array, offset: number) => {
    for (let i = 0; i < buffer.length; i++) buffer[i] = (offset + i) % 251;
  },
});

describe('what cannot be written', () => {
  it('names a folder that is not there', async () => {
    const path = folder.path('absent/model.gguf');
    await expect(writeGguf(path, { metadata: {}, tensors: [] })).rejects.toMatchObject({
      code: 'file-unwritable',
      message: expect.stringContaining('ENOENT'),
    });
  });

  it('takes no place of a pipe, a device or a folder', async () => {
    const pipe = folder.path('pipe');
    execFileSync('mkfifo', [pipe]);
    for (const path of [pipe, dirname(pipe)]) {
      await expect(writeGguf(path, { metadata: {}, tensors: [] })).rejects.toMatchObject({
        code: 'file-unwritable',
        message: `cannot write ${path}: there is something that is no regular file`,
      });
    }
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    expect(readdirSync(dirname(pipe)).filter((name) => name.endsWith('.partial'))).toEqual([]);
  });

  it.each([
    ['a type unknown', 'q9_9', 'gguf-tensor-type'],
    ['a row of no whole block', 'q4_K', 'gguf-invalid'],
  ])('refuses %s and leaves nothing behind', async (_, type, code) => {
    const path = folder.path('refused.gguf');
    await expect(
      writeGguf(path, { metadata: {}, tensors: [tensor('a', type, [100])] }),
    ).rejects.toMatchObject({ code });
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith('refused'))).toEqual([]);
  });

  it('refuses what version 1 has no room for', async () => {
    const huge = { name: 'a', type: 'i8', shape: [2 ** 32], fill: () => {} };
    const form = { version: 1, byteOrder: 'big' } as const;
    const path = folder.path('refused.gguf');
    await expect(writeGguf(path, { metadata: {}, tensors: [huge], form })).rejects.toMatchObject({
      code: 'gguf-limit',
      message: expect.stringContaining('4294967296 in a GGUF of version 1'),
    });
  });

  it('leaves nothing behind when data cannot be made', async () => {
    const path = folder.path('halfway.gguf');
    const broken = {
      ...tensor('a', 'f32', [8]),
      fill: () => {
        throw new Error('no data');
      },
    };
    await expect(writeGguf(path, { metadata: {}, tensors: [broken] })).rejects.toThrow('no data');
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith('halfway'))).toEqual([]);
  });
});

describe('what is written is read back', () => {
  it('data of several chunks, in whole blocks', async () => {
    const path = folder.path('chunks.gguf');
    const starts: number[] = [];
    const large = tensor('large', 'q6_K', [256, 12_000]);
    const { blockBytes } = tensorTypeByName('q6_K');
    await writeGguf(path, {
      metadata: {},
      tensors: [
        tensor('small', 'f32', [3]),
        {
          ...large,
          fill: (buffer, offset) => {
            starts.push(offset);
            expect([offset % blockBytes, buffer.length % blockBytes]).toEqual([0, 0]);
            large.fill(buffer, offset);
          },
        },
      ],
    });
    expect(starts.length).toBeGreaterThan(2);
    const { tensors } = await readGguf(path);
    const bytes = readFileSync(path);
    for (const { fileOffset, byteLength } of tensors) {
      const data = bytes.subarray(fileOffset, fileOffset + byteLength);
      expect(data.findIndex((byte, i) => byte !== i % 251)).toBe(-1);
    }
    expect(bytes.byteLength % 32).toBe(0);
  });

  it('any metadata, any tensors, any alignment, in any form', async () => {
    const types = fc.constantFrom(...tensorTypes);
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
    );
    const tensorSpecs = fc.uniqueArray(fc.tuple(fc.string({ minLength: 1, unit: 'binary' }), types, sizes), {
      selector: ([name]) => name,
      maxLength: 6,
    });
    const alignments = fc.constantFrom(8, 32, 64, 4096);
    const anyForm = fc.constantFrom(...forms);
    const metadatas = fc.dictionary(fc.string({ minLength: 1 }), values, { maxKeys: 12 });
    await fc.assert(
      fc.asyncProperty(
        metadatas,
        tensorSpecs,
        alignments,
        anyForm,
        async (metadata, specs, alignment, form) => {
          const path = folder.path('any.gguf');
          const tensors = specs.map(([name, type, [blocks, others]]) =>
            tensor(name, type.name, [blocks * type.blockSize, ...others]),
          );
          await writeGguf(path, { metadata, tensors, alignment, form });
          const file = await readGguf(path);
          expect(file).toMatchObject({ alignment, ...form });
          expect(file.tensors.map(({ name, type, shape }) => ({ name, type, shape }))).toEqual(
            tensors.map(({ name, type, shape }) => ({ name, type, shape })),
          );
          expect(file.tensors.every(({ fileOffset }) => fileOffset % alignment === 0)).toBe(true);
          for (const [key, { value }] of Object.entries(metadata))
            expect(file.metadata.get(key)).toEqual(value);
        },
      ),
      { numRuns: 60 },
    );
  });
});

const float32 = fc.float({ noNaN: true });
const values: fc.Arbitrary<EncodableValue> = fc.oneof(
  fc.record({ type: fc.constant('string' as const), value: fc.string({ unit: 'grapheme' }) }),
  fc.record({ type: fc.constant('uint8' as const), value: fc.nat(255) }),
  fc.record({ type: fc.constant('int8' as const), value: fc.integer({ min: -128, max: 127 }) }),
  fc.record({ type: fc.constant('uint16' as const), value: fc.nat(65_535) }),
  fc.record({ type: fc.constant('int16' as const), value: fc.integer({ min: -32_768, max: 32_767 }) }),
  fc.record({ type: fc.constant('uint32' as const), value: fc.nat(2 ** 31 - 1) }),
  fc.record({ type: fc.constant('int32' as const), value: fc.integer() }),
  fc.record({ type: fc.constant('float32' as const), value: float32 }),
  fc.record({ type: fc.constant('float64' as const), value: fc.double({ noNaN: true }) }),
  fc.record({ type: fc.constant('bool' as const), value: fc.boolean() }),
  fc.record({ type: fc.constant('uint64' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({
    type: fc.constant('int64' as const),
    value: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  }),
  fc.record({
    type: fc.constant('array' as const),
    elementType: fc.constant('string' as const),
    value: fc.array(fc.string()),
  }),
  fc.record({
    type: fc.constant('array' as const),
    elementType: fc.constant('float32' as const),
    value: fc.array(float32),
  }),
);
