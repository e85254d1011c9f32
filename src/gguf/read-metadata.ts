// SPDX-License-Identifier: MIT
// The metadata of a GGUF: keys and typed values. Long arrays and strings are skipped, not decoded.
import type { Cursor } from './cursor.js';
import { MAX_KEY_BYTES, MAX_STRING_BYTES } from './limits.js';
import type { GgufValue } from './types.js';
import { type FixedTypeName, fixedTypeBytes, type ValueTypeName, valueTypeNames } from './value-types.js';

export function readMetadata(cursor: Cursor, count: number, maxArrayLength: number): Map<string, GgufValue> {
  cursor.section = 'metadata';
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < count; i++) {
    const offset = cursor.position;
    const key = readKey(cursor);
    if (metadata.has(key)) throw cursor.error('gguf-invalid', `metadata key "${key}" occurs twice`, offset);
    metadata.set(key, readValue(cursor, key, maxArrayLength));
  }
  return metadata;
}

function readKey(cursor: Cursor): string {
  const offset = cursor.position;
  const key = cursor.string(MAX_KEY_BYTES);
  if (typeof key === 'string') return key;
  throw cursor.error('gguf-limit', `a metadata key has ${key} bytes, limit ${MAX_KEY_BYTES}`, offset);
}

function readValue(cursor: Cursor, key: string, maxArrayLength: number): GgufValue {
  const type = readType(cursor, key);
  if (type === 'string') return readString(cursor);
  if (type === 'array') return readArray(cursor, key, maxArrayLength);
  return readFixed(cursor, type);
}

function readType(cursor: Cursor, key: string): ValueTypeName {
  const offset = cursor.position;
  const id = cursor.u32();
  const type = valueTypeNames[id];
  if (type) return type;
  throw cursor.error('gguf-invalid', `metadata key "${key}" has value type ${id}, limit 12`, offset);
}

function readArray(cursor: Cursor, key: string, maxArrayLength: number): GgufValue {
  const offset = cursor.position;
  const elementType = readType(cursor, key);
  if (elementType === 'array') {
    throw cursor.error(
      'gguf-invalid',
      `metadata key "${key}" holds an array of arrays, which ggml refuses`,
      offset,
    );
  }
  const elementBytes = elementType === 'string' ? cursor.sizeBytes : fixedTypeBytes[elementType];
  const lengthOffset = cursor.position;
  const length = cursor.count(`length of array "${key}"`, Number.MAX_SAFE_INTEGER);
  if (length > cursor.remaining / elementBytes) {
    throw cursor.error(
      'gguf-truncated',
      `array "${key}" has ${length} elements of at least ${elementBytes} bytes; ${cursor.remaining} bytes are left`,
      lengthOffset,
      'the download or copy is incomplete, or the length is broken; fetch it again',
    );
  }
  if (length > maxArrayLength) {
    if (elementType === 'string') cursor.skipStrings(length);
    else cursor.skip(length * elementBytes);
    return { elementType, length };
  }
  const values: GgufValue[] = [];
  for (let i = 0; i < length; i++) {
    values.push(elementType === 'string' ? readString(cursor) : readFixed(cursor, elementType));
  }
  return values;
}

/** A string too long to be of use here is kept as its length in bytes. */
function readString(cursor: Cursor): GgufValue {
  const value = cursor.string(MAX_STRING_BYTES);
  return typeof value === 'string' ? value : { elementType: 'utf8', length: value };
}

function readFixed(cursor: Cursor, type: FixedTypeName): number | bigint | boolean {
  switch (type) {
    case 'uint8':
      return cursor.u8();
    case 'int8':
      return cursor.i8();
    case 'uint16':
      return cursor.u16();
    case 'int16':
      return cursor.i16();
    case 'uint32':
      return cursor.u32();
    case 'int32':
      return cursor.i32();
    case 'float32':
      return cursor.f32();
    case 'bool':
      return cursor.u8() !== 0;
    case 'uint64':
      return cursor.u64();
    case 'int64':
      return cursor.i64();
    case 'float64':
      return cursor.f64();
    default:
      return type satisfies never;
  }
}
