// SPDX-License-Identifier: MIT
// Crafted GGUF bytes, right or wrong in one chosen place; the writer under test has no part in them but for
// its encoding of single values.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { NumashardError } from '../../src/errors.js';
import {
  encodeMetadata,
  encodeString,
  encodeU32,
  encodeU64,
  ggufString,
  ggufU32,
} from '../../src/gguf/encode.js';
import { type GgufForm, sizeBytesOf, usualForm } from '../../src/gguf/form.js';
import { readGguf } from '../../src/gguf/read-gguf.js';

export const F32 = 0;
export const Q8_0 = 8;

export interface CraftedTensor {
  readonly name: string;
  readonly shape: readonly (number | bigint)[];
  readonly type: number;
  readonly offset: number | bigint;
}

export interface Crafted {
  readonly magic?: string;
  /** What the version field says; default: the form's. */
  readonly version?: number;
  /** Of everything but `metadata`, which comes as bytes. */
  readonly form?: GgufForm;
  readonly tensorCount?: number | bigint;
  readonly metadataCount?: number | bigint;
  /** Each entry as bytes: key, type, value. */
  readonly metadata?: readonly Uint8Array[];
  readonly tensors?: readonly CraftedTensor[];
  /** From `dataOffset` on, which is the next multiple of 32. */
  readonly dataBytes?: number;
}

export function craft(content: Crafted = {}): Buffer {
  const { metadata = [], tensors = [], dataBytes = 0, form = usualForm } = content;
  const size = (value: number | bigint) =>
    sizeBytesOf(form.version) === 4 ? encodeU32(Number(value), form) : u64(value, form);
  const head = Buffer.concat([
    Buffer.from(content.magic ?? 'GGUF', 'latin1'),
    encodeU32(content.version ?? form.version, form),
    size(content.tensorCount ?? tensors.length),
    size(content.metadataCount ?? metadata.length),
    ...metadata,
    ...tensors.map(({ name, shape, type, offset }) =>
      Buffer.concat([
        encodeString(name, form),
        encodeU32(shape.length, form),
        ...shape.map(size),
        encodeU32(type, form),
        u64(offset, form),
      ]),
    ),
  ]);
  return Buffer.concat([head, Buffer.alloc((32 - (head.byteLength % 32)) % 32), Buffer.alloc(dataBytes, 7)]);
}

export function u64(value: number | bigint, form = usualForm): Buffer {
  if (typeof value === 'number') return encodeU64(value, form);
  const bytes = Buffer.alloc(8);
  if (form.byteOrder === 'little') bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  else bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes;
}

/** Every version in both byte orders. */
export const forms: readonly GgufForm[] = ([1, 2, 3] as const).flatMap((version) =>
  (['little', 'big'] as const).map((byteOrder) => ({ version, byteOrder })),
);

/** A metadata entry whose value is given as bytes. */
export function rawEntry(key: string, typeId: number, ...value: readonly Uint8Array[]): Buffer {
  return Buffer.concat([encodeString(key), encodeU32(typeId), ...value]);
}

/** A folder for the calling test file, gone when its tests are done. */
export function useFolder(): {
  path: (name: string) => string;
  write: (name: string, bytes: Uint8Array) => string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'numashard-gguf-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  const write = (name: string, bytes: Uint8Array) => {
    writeFileSync(path(name), bytes);
    return path(name);
  };
  return { path, write };
}

/** A model of three tensors and three metadata entries. */
export const smallIn = (form: GgufForm): Crafted => ({
  form,
  metadata: [
    encodeMetadata('general.architecture', ggufString('llama'), form),
    encodeMetadata('llama.block_count', ggufU32(1), form),
    encodeMetadata('general.tags', { type: 'array', elementType: 'string', value: ['a', 'bc'] }, form),
  ],
  tensors: [
    { name: 'blk.0.attn_norm.weight', shape: [8], type: F32, offset: 0 },
    { name: 'blk.0.attn_q.weight', shape: [64, 3], type: Q8_0, offset: 32 },
    { name: 'output.weight', shape: [2, 3, 2, 2], type: F32, offset: 256 },
  ],
  dataBytes: 256 + 96,
});

export const small = smallIn(usualForm);

/** What reading the file at `path` fails with: always an error of ours that names the file. */
export async function failureAt(
  path: string,
  read: (path: string) => Promise<unknown> = readGguf,
): Promise<NumashardError> {
  const error = await read(path).then(
    () => expect.fail('was read without an error'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof NumashardError)) throw error;
  expect(error.message).toContain(path);
  return error;
}
