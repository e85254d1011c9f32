// SPDX-License-Identifier: MIT
// Crafted GGUF bytes, right or wrong in one chosen place; the writer under test has no part in them but for
// its encoding of single values.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { encodeString, encodeU32, encodeU64 } from '../../src/gguf/encode.js';

export interface CraftedTensor {
  readonly name: string;
  readonly shape: readonly (number | bigint)[];
  readonly type: number;
  readonly offset: number | bigint;
}

export interface Crafted {
  readonly magic?: string;
  readonly version?: number;
  readonly tensorCount?: number | bigint;
  readonly metadataCount?: number | bigint;
  /** Each entry as bytes: key, type, value. */
  readonly metadata?: readonly Uint8Array[];
  readonly tensors?: readonly CraftedTensor[];
  /** From `dataOffset` on, which is the next multiple of 32. */
  readonly dataBytes?: number;
}

export function craft(content: Crafted = {}): Buffer {
  const { metadata = [], tensors = [], dataBytes = 0 } = content;
  const head = Buffer.concat([
    Buffer.from(content.magic ?? 'GGUF', 'latin1'),
    encodeU32(content.version ?? 3),
    u64(content.tensorCount ?? tensors.length),
    u64(content.metadataCount ?? metadata.length),
    ...metadata,
    ...tensors.map(({ name, shape, type, offset }) =>
      Buffer.concat([
        encodeString(name),
        encodeU32(shape.length),
        ...shape.map(u64),
        encodeU32(type),
        u64(offset),
      ]),
    ),
  ]);
  return Buffer.concat([head, Buffer.alloc((32 - (head.byteLength % 32)) % 32), Buffer.alloc(dataBytes, 7)]);
}

export function u64(value: number | bigint): Buffer {
  if (typeof value === 'number') return encodeU64(value);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes;
}

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
