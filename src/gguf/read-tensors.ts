// SPDX-License-Identifier: MIT
// The tensor table of a GGUF: names, shapes, types, offsets into the data. Source of truth: ggml's gguf.cpp.
import type { Cursor } from './cursor.js';
import { MAX_DIMENSIONS, MAX_TENSOR_NAME_BYTES } from './limits.js';
import { removedTensorTypeName, rowByteLength, type TensorType, tensorTypeById } from './tensor-types.js';

export interface TensorEntry {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly byteLength: number;
  /** From the start of the data. */
  readonly offset: number;
  /** Where in the file the offset is written, for error messages. */
  readonly offsetPosition: number;
}

export function readTensorTable(cursor: Cursor, count: number): TensorEntry[] {
  cursor.section = 'tensor table';
  const names = new Set<string>();
  const entries: TensorEntry[] = [];
  for (let i = 0; i < count; i++) {
    const position = cursor.position;
    const entry = readEntry(cursor);
    if (names.has(entry.name)) {
      throw cursor.error('gguf-invalid', `tensor name "${entry.name}" occurs twice`, position);
    }
    names.add(entry.name);
    entries.push(entry);
  }
  return entries;
}

function readEntry(cursor: Cursor): TensorEntry {
  const name = readName(cursor);
  const shapePosition = cursor.position;
  const shape = readShape(cursor, name);
  const type = readTensorType(cursor, name);
  const byteLength = measure(cursor, name, shape, type, shapePosition);
  const offsetPosition = cursor.position;
  const offset = cursor.u64();
  if (offset > BigInt(cursor.byteLength)) {
    throw cursor.error(
      'gguf-tensor-range',
      `tensor "${name}" starts at byte ${offset} of the data, limit ${cursor.byteLength} (the file's length)`,
      offsetPosition,
    );
  }
  return { name, type: type.name, shape, byteLength, offset: Number(offset), offsetPosition };
}

function readName(cursor: Cursor): string {
  const position = cursor.position;
  const name = cursor.string(MAX_TENSOR_NAME_BYTES);
  if (typeof name === 'string') return name;
  throw cursor.error(
    'gguf-limit',
    `a tensor name has ${name} bytes, limit ${MAX_TENSOR_NAME_BYTES}`,
    position,
  );
}

function readShape(cursor: Cursor, name: string): number[] {
  const position = cursor.position;
  const dimensions = cursor.u32();
  if (dimensions > MAX_DIMENSIONS) {
    throw cursor.error(
      'gguf-limit',
      `tensor "${name}" has ${dimensions} dimensions, limit ${MAX_DIMENSIONS}`,
      position,
    );
  }
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i++) {
    const at = cursor.position;
    const size = cursor.dimension();
    if (size <= 0n || size > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw cursor.error(
        'gguf-invalid',
        `dimension ${i} of tensor "${name}" is ${size}, allowed 1 to ${Number.MAX_SAFE_INTEGER}`,
        at,
      );
    }
    shape.push(Number(size));
  }
  return shape;
}

function readTensorType(cursor: Cursor, name: string): TensorType {
  const position = cursor.position;
  const id = cursor.u32();
  const type = tensorTypeById(id);
  if (type) return type;
  const removed = removedTensorTypeName(id);
  if (removed) {
    throw cursor.error(
      'gguf-tensor-type',
      `tensor "${name}" has type ${id} (${removed}), which ggml has removed`,
      position,
      'quantize the model again',
    );
  }
  throw cursor.error(
    'gguf-tensor-type',
    `tensor "${name}" has unknown type ${id}; known are the types of ggml 0.27`,
    position,
    'the file is broken, or made for a newer ggml or a fork: update numashard',
  );
}

function measure(
  cursor: Cursor,
  name: string,
  shape: readonly number[],
  type: TensorType,
  position: number,
): number {
  const [rowLength = 1, ...others] = shape;
  if (rowLength % type.blockSize !== 0) {
    throw cursor.error(
      'gguf-invalid',
      `tensor "${name}": row length ${rowLength} is not a multiple of ${type.blockSize}, the block of ${type.name}`,
      position,
    );
  }
  // Past 2^53 products only grow, so one test of the end sees an overflow anywhere.
  const byteLength = others.reduce((product, size) => product * size, rowByteLength(type, rowLength));
  if (byteLength <= Number.MAX_SAFE_INTEGER) return byteLength;
  throw cursor.error(
    'gguf-invalid',
    `tensor "${name}" of ${shape.join(' x ')} elements overflows: limit ${Number.MAX_SAFE_INTEGER} bytes`,
    position,
  );
}
