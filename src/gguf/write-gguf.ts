// SPDX-License-Identifier: MIT
// Writes a GGUF file of any version and byte order; tensor data is generated chunk by chunk, never held whole.
// Source of truth: ggml's docs/gguf.md.
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { NumashardError } from '../errors.js';
import { alignUp } from './check-ranges.js';
import {
  type EncodableValue,
  encodeMetadata,
  encodeSize,
  encodeString,
  encodeU32,
  encodeU64,
} from './encode.js';
import { type GgufForm, usualForm } from './form.js';
import { DEFAULT_ALIGNMENT } from './limits.js';
import { rowByteLength, tensorTypeByName } from './tensor-types.js';

export interface TensorToWrite {
  readonly name: string;
  /** As ggml names it. */
  readonly type: string;
  readonly shape: readonly number[];
  /**
   * Fills all of `buffer` with the tensor's bytes from `byteOffsetInTensor` on. Called in order; every buffer
   * begins and ends with a block. The buffer is used again: what it holds before is left over. In a big-endian file
   * these bytes stand as they are given.
   */
  readonly fill: (buffer: Uint8Array, byteOffsetInTensor: number) => void;
}

export interface GgufToWrite {
  readonly metadata: Readonly<Record<string, EncodableValue>>;
  readonly tensors: readonly TensorToWrite[];
  /** A power of two; written as `general.alignment` unless it is the default 32. */
  readonly alignment?: number;
  /** Default: version 3, little-endian. */
  readonly form?: GgufForm;
}

/** Large enough that calls cost nothing, small enough to stay in cache. */
const CHUNK_BYTES = 1 << 20;

/** Written beside `path` and renamed when complete, so that a half-written model never carries the name. */
export async function writeGguf(path: string, content: GgufToWrite): Promise<void> {
  // A renamed file would take the place of a device or a pipe: /dev/null would be one no longer.
  const there = await stat(path).catch(() => null);
  if (there !== null && !there.isFile()) fail(path, 'there is something that is no regular file');
  const partial = `${path}.${process.pid}.partial`;
  const handle = await open(partial, 'w').catch((cause) => fail(path, cause));
  try {
    await writeContent(handle, content).finally(() => handle.close());
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw cause instanceof NumashardError ? cause : fail(path, cause);
  }
}

function fail(path: string, cause: unknown): never {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  throw new NumashardError('file-unwritable', `cannot write ${path}: ${reason}`, { cause, exitCode: 4 });
}

async function writeContent(handle: FileHandle, content: GgufToWrite): Promise<void> {
  const alignment = content.alignment ?? DEFAULT_ALIGNMENT;
  const tensors = content.tensors.map((tensor) => ({ ...tensor, ...measure(tensor) }));
  const head = encodeHead(content, tensors, alignment);
  let position = head.byteLength;
  await handle.writeFile(head);
  const buffer = new Uint8Array(CHUNK_BYTES);
  for (const tensor of tensors) {
    position += await writePadding(handle, position, alignment);
    const chunkBytes = CHUNK_BYTES - (CHUNK_BYTES % tensor.blockBytes);
    for (let offset = 0; offset < tensor.byteLength; offset += chunkBytes) {
      const chunk = buffer.subarray(0, Math.min(chunkBytes, tensor.byteLength - offset));
      tensor.fill(chunk, offset);
      await handle.writeFile(chunk);
    }
    position += tensor.byteLength;
  }
  await writePadding(handle, position, alignment);
}

function measure({ name, type, shape }: TensorToWrite): {
  byteLength: number;
  blockBytes: number;
  typeId: number;
} {
  const known = tensorTypeByName(type);
  const [rowLength = 1, ...others] = shape;
  if (rowLength % known.blockSize !== 0) {
    const limit = `a multiple of ${known.blockSize} for ${type}`;
    throw new NumashardError('gguf-invalid', `tensor "${name}": row length ${rowLength}, must be ${limit}`);
  }
  const byteLength = others.reduce((product, size) => product * size, rowByteLength(known, rowLength));
  return { byteLength, blockBytes: known.blockBytes, typeId: known.id };
}

function encodeHead(
  { metadata, form = usualForm }: GgufToWrite,
  tensors: readonly (TensorToWrite & { byteLength: number; typeId: number })[],
  alignment: number,
): Uint8Array {
  const entries = Object.entries(metadata);
  if (alignment !== DEFAULT_ALIGNMENT) {
    entries.push(['general.alignment', { type: 'uint32', value: alignment }]);
  }
  const counts = [encodeSize(tensors.length, form), encodeSize(entries.length, form)];
  const parts = [Buffer.from('GGUF'), encodeU32(form.version, form), ...counts];
  for (const [key, value] of entries) parts.push(encodeMetadata(key, value, form));
  let offset = 0;
  for (const { name, shape, typeId, byteLength } of tensors) {
    parts.push(encodeString(name, form), encodeU32(shape.length, form));
    parts.push(...shape.map((size) => encodeSize(size, form)));
    parts.push(encodeU32(typeId, form), encodeU64(offset, form));
    offset = alignUp(offset + byteLength, alignment);
  }
  return Buffer.concat(parts);
}

async function writePadding(handle: FileHandle, position: number, alignment: number): Promise<number> {
  const padding = alignUp(position, alignment) - position;
  if (padding > 0) await handle.writeFile(new Uint8Array(padding));
  return padding;
}
