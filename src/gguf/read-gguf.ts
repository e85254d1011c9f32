// SPDX-License-Identifier: MIT
// Reads everything of a GGUF file but the tensors' data, and checks it. Source of truth: ggml's docs/gguf.md.
import { NumashardError } from '../errors.js';
import { alignUp, checkTensorRanges } from './check-ranges.js';
import { CHANGED_HINT, Cursor } from './cursor.js';
import { DEFAULT_ALIGNMENT, DEFAULT_MAX_ARRAY_LENGTH, MAX_ALIGNMENT } from './limits.js';
import { type OpenedFile, openRegularFile } from './open-file.js';
import { readHeader } from './read-header.js';
import { readMetadata } from './read-metadata.js';
import { readTensorTable } from './read-tensors.js';
import type { GgufFile, GgufTensor, GgufValue } from './types.js';

export interface ReadGgufOptions {
  /** Longer metadata arrays become `GgufSkippedArray`; default 1024. */
  readonly maxArrayLength?: number;
  /** Where in the file the GGUF begins, in bytes; default 0. Everything after it may belong to it. */
  readonly startOffset?: number;
}

/**
 * Reads header, metadata and tensor table of the GGUF file at `path`, of any version and byte order; of a split
 * model this one part: see `readGgufParts`.
 * Throws `NumashardError` with a `gguf-…`, `file-…` or `not-a-regular-file` code.
 */
export async function readGguf(path: string, options: ReadGgufOptions = {}): Promise<GgufFile> {
  const file = await openRegularFile(path);
  const { startOffset = 0, maxArrayLength = DEFAULT_MAX_ARRAY_LENGTH } = options;
  try {
    checkStart(path, startOffset, file.byteLength);
    const gguf = parse(new Cursor(file.handle.fd, path, file.byteLength, startOffset), maxArrayLength);
    await checkUnchanged(path, file);
    return gguf;
  } finally {
    await file.handle.close();
  }
}

function checkStart(path: string, startOffset: number, byteLength: number): void {
  if (Number.isSafeInteger(startOffset) && startOffset >= 0 && startOffset <= byteLength) return;
  const message = `offset ${startOffset} of a GGUF in ${path} is not within the file, which has ${byteLength} bytes`;
  throw new NumashardError('usage', message, {
    exitCode: 2,
    hint: 'give the byte where the letters GGUF stand',
  });
}

/** What was read may be half old and half new, and both halves well formed. */
async function checkUnchanged(path: string, { handle, byteLength, modified }: OpenedFile): Promise<void> {
  const { size, mtimeMs } = await handle.stat();
  if (size === byteLength && mtimeMs === modified) return;
  const change = size === byteLength ? '' : `: from ${byteLength} bytes to ${size}`;
  throw new NumashardError('file-changed', `${path} changed while it was read${change}`, {
    hint: CHANGED_HINT,
  });
}

function parse(cursor: Cursor, maxArrayLength: number): GgufFile {
  const { version, byteOrder, tensorCount, metadataCount } = readHeader(cursor);
  const metadata = readMetadata(cursor, metadataCount, maxArrayLength);
  const alignment = alignmentOf(cursor, metadata);
  const entries = readTensorTable(cursor, tensorCount);
  // ggml 0.27 pads as if the GGUF were alone in its file, wherever it begins.
  const dataOffset = cursor.start + alignUp(cursor.position - cursor.start, alignment);
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
