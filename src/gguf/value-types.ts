// SPDX-License-Identifier: MIT
// The types of metadata values and their sizes. Source of truth: enum gguf_type in ggml's gguf.h.

/** In the order of their ids: `gguf_type` 0 to 12. */
export const valueTypeNames = [
  'uint8',
  'int8',
  'uint16',
  'int16',
  'uint32',
  'int32',
  'float32',
  'bool',
  'string',
  'array',
  'uint64',
  'int64',
  'float64',
] as const;

export type ValueTypeName = (typeof valueTypeNames)[number];

export type FixedTypeName = Exclude<ValueTypeName, 'string' | 'array'>;

export const fixedTypeBytes: Readonly<Record<FixedTypeName, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  uint64: 8,
  int64: 8,
  float64: 8,
};
