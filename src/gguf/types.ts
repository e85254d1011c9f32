// SPDX-License-Identifier: MIT
// What a GGUF file holds, as data. Source of truth: ggml's docs/gguf.md and gguf.cpp.
import type { GgufForm } from './form.js';

/** A metadata value. 64-bit integers are `bigint`; a skipped array keeps its element type and length only. */
export type GgufValue = number | bigint | boolean | string | GgufValue[] | GgufSkippedArray;

export interface GgufSkippedArray {
  readonly elementType: string;
  readonly length: number;
}

export interface GgufTensor {
  readonly name: string;
  /** Type as ggml names it, e.g. `q4_K`, `f32`. */
  readonly type: string;
  /** As stored: `shape[0]` is ne0, the length of one row in elements. */
  readonly shape: readonly number[];
  readonly byteLength: number;
  /** Path of the file that holds the data. */
  readonly file: string;
  /** Absolute offset of the data in `file`, in bytes. */
  readonly fileOffset: number;
}

export interface GgufFile extends GgufForm {
  readonly path: string;
  readonly byteLength: number;
  readonly alignment: number;
  /** Absolute offset of the first tensor's data, in bytes. */
  readonly dataOffset: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  readonly tensors: readonly GgufTensor[];
}
