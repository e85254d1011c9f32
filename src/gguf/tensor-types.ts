// SPDX-License-Identifier: MIT
// Every tensor type of ggml: id, name, elements per block, bytes per block.
// Source of truth: type_traits in ggml.c and the block structs in ggml-common.h, ggml 0.27.0.
import { NumashardError } from '../errors.js';

export interface TensorType {
  readonly id: number;
  /** As `ggml_type_name` gives it. */
  readonly name: string;
  /** Elements per block; the length of a row is a multiple of it. */
  readonly blockSize: number;
  readonly blockBytes: number;
}

const rows: readonly (readonly [id: number, name: string, blockSize: number, blockBytes: number])[] = [
  [0, 'f32', 1, 4],
  [1, 'f16', 1, 2],
  [2, 'q4_0', 32, 18],
  [3, 'q4_1', 32, 20],
  [6, 'q5_0', 32, 22],
  [7, 'q5_1', 32, 24],
  [8, 'q8_0', 32, 34],
  [9, 'q8_1', 32, 36],
  [10, 'q2_K', 256, 84],
  [11, 'q3_K', 256, 110],
  [12, 'q4_K', 256, 144],
  [13, 'q5_K', 256, 176],
  [14, 'q6_K', 256, 210],
  [15, 'q8_K', 256, 292],
  [16, 'iq2_xxs', 256, 66],
  [17, 'iq2_xs', 256, 74],
  [18, 'iq3_xxs', 256, 98],
  [19, 'iq1_s', 256, 50],
  [20, 'iq4_nl', 32, 18],
  [21, 'iq3_s', 256, 110],
  [22, 'iq2_s', 256, 82],
  [23, 'iq4_xs', 256, 136],
  [24, 'i8', 1, 1],
  [25, 'i16', 1, 2],
  [26, 'i32', 1, 4],
  [27, 'i64', 1, 8],
  [28, 'f64', 1, 8],
  [29, 'iq1_m', 256, 56],
  [30, 'bf16', 1, 2],
  [34, 'tq1_0', 256, 54],
  [35, 'tq2_0', 256, 66],
  [39, 'mxfp4', 32, 17],
  [40, 'nvfp4', 64, 36],
  [41, 'q1_0', 128, 18],
  [42, 'q2_0', 64, 18],
];

export const tensorTypes: readonly TensorType[] = rows.map(([id, name, blockSize, blockBytes]) => ({
  id,
  name,
  blockSize,
  blockBytes,
}));

/** Ids that ggml once used: such files load in no llama.cpp of today. */
const removed: ReadonlyMap<number, string> = new Map([
  [4, 'q4_2'],
  [5, 'q4_3'],
  [31, 'q4_0_4_4'],
  [32, 'q4_0_4_8'],
  [33, 'q4_0_8_8'],
  [36, 'iq4_nl_4_4'],
  [37, 'iq4_nl_4_8'],
  [38, 'iq4_nl_8_8'],
]);

const byId = new Map(tensorTypes.map((type) => [type.id, type]));
const byName = new Map(tensorTypes.map((type) => [type.name, type]));

export function tensorTypeById(id: number): TensorType | undefined {
  return byId.get(id);
}

/** For names that the program itself writes or has read from a file: throws if there is no such type. */
export function tensorTypeByName(name: string): TensorType {
  const type = byName.get(name);
  if (type) return type;
  throw new NumashardError('gguf-tensor-type', `unknown tensor type "${name}"`);
}

/** Name of a type that ggml has removed, undefined for one it never had. */
export function removedTensorTypeName(id: number): string | undefined {
  return removed.get(id);
}

/** Bytes of one row of `rowLength` elements, a multiple of the block size. */
export function rowByteLength({ blockSize, blockBytes }: TensorType, rowLength: number): number {
  return (rowLength / blockSize) * blockBytes;
}
