// SPDX-License-Identifier: MIT
// Tensors against each other and against the file: inside it, aligned, none over another.
import type { Cursor } from './cursor.js';
import type { TensorEntry } from './read-tensors.js';

export function checkTensorRanges(
  cursor: Cursor,
  entries: readonly TensorEntry[],
  dataOffset: number,
  alignment: number,
): void {
  const sorted = [...entries].sort((a, b) => a.offset - b.offset);
  const dataBytes = Math.max(0, cursor.byteLength - dataOffset);
  let previous: TensorEntry | undefined;
  let dense = true;
  for (const entry of sorted) {
    if (entry.offset % alignment !== 0) {
      throw cursor.error(
        'gguf-invalid',
        `tensor "${entry.name}" starts at byte ${entry.offset} of the data, not a multiple of the alignment ${alignment}`,
        entry.offsetPosition,
      );
    }
    const previousEnd = previous ? previous.offset + previous.byteLength : 0;
    if (previous && previousEnd > entry.offset) {
      throw cursor.error(
        'gguf-tensor-overlap',
        `tensor "${entry.name}" starts at byte ${entry.offset} of the data, inside "${previous.name}", which ends at ${previousEnd}`,
        entry.offsetPosition,
      );
    }
    dense &&= entry.offset === alignUp(previousEnd, alignment);
    checkInside(cursor, entry, dataBytes, dense);
    previous = entry;
  }
}

/** Without a gap before it, a tensor past the end means that the end is missing, not that the offset is wrong. */
function checkInside(cursor: Cursor, entry: TensorEntry, dataBytes: number, dense: boolean): void {
  const end = entry.offset + entry.byteLength;
  if (end <= dataBytes) return;
  const where = `tensor "${entry.name}" ends at byte ${end} of the data, limit ${dataBytes}`;
  if (dense) {
    throw cursor.error(
      'gguf-truncated',
      `file is cut in the tensor data: ${where}`,
      cursor.byteLength,
      'the download or copy is incomplete; fetch it again',
    );
  }
  throw cursor.error('gguf-tensor-range', `${where} (the rest of the file)`, entry.offsetPosition);
}

export function alignUp(value: number, alignment: number): number {
  return Math.ceil(value / alignment) * alignment;
}
