// SPDX-License-Identifier: MIT
// Reads everything of a GGUF file but the tensors' data, and checks it. Source of truth: ggml's docs/gguf.md.
import { alignUp, checkTensorRanges } from './check-ranges.js';
import { Cursor } from './cursor.js';
import { DEFAULT_ALIGNMENT, DEFAULT_MAX_ARRAY_LENGTH, MAX_ALIGNMENT } from './limits.js';
import { openRegularFile } from './open-file.js';
import { readHeader } from './read-header.js';
import { readMetadata } from './read-metadata.js';
import { readTensorTable } from './read-tensors.js';
import type { GgufFile, GgufTensor, GgufValue } from './types.js';

export interface ReadGgufOptions {
  /** Longer metadata arrays become `GgufSkippedArray`; default 1024. */
  readonly maxArrayLength?: number;
}

/**
 * Reads header, metadata and tensor table of the GGUF file at `path` (version 3, little-endian).
 * Throws `NumashardError` with a `gguf-…`, `file-unreadable` or `not-a-regular-file` code.
 */
export async function readGguf(path: string, options: ReadGgufOptions = {}): Promise<GgufFile> {
  const { handle, byteLength } = await openRegularFile(path);
  try {
    const cursor = new Cursor(handle.fd, path, byteLength);
    return parse(cursor, options.maxArrayLength ?? DEFAULT_MAX_ARRAY_LENGTH);
  } finally {
    await handle.close();
  }
}

function parse(cursor: Cursor, maxArrayLength: number): GgufFile {
  const { version, byteOrder, tensorCount, metadataCount } = readHeader(cursor);
  const metadata = readMetadata(cursor, metadataCount, maxArrayLength);
  const alignment = alignmentOf(cursor, metadata);
  const entries = readTensorTable(cursor, tensorCount);
  const dataOffset = alignUp(cursor.position, alignment);
  checkTensorRanges(cursor, entries, dataOffset, alignment);
  const tensors = entries.map(
    ({ name, type, shape, byteLength, offset }): GgufTensor => ({
      name,
      type,
      shape,
      byteLength,
      file: cursor.path,
      fileOffset: dataOffset + offset,
    }),
  );
  const { path, byteLength } = cursor;
  return { path, byteLength, version, byteOrder, alignment, dataOffset, metadata, tensors };
}

function alignmentOf(cursor: Cursor, metadata: ReadonlyMap<string, GgufValue>): number {
  const value = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT;
  if (
    typeof value === 'number' &&
    Number.isInteger(Math.log2(value)) &&
    value >= 1 &&
    value <= MAX_ALIGNMENT
  ) {
    return value;
  }
  const shown = typeof value === 'object' ? 'an array' : `${value}`;
  throw cursor.error(
    'gguf-invalid',
    `general.alignment is ${shown}, allowed are powers of two up to ${MAX_ALIGNMENT}`,
    cursor.position,
  );
}
