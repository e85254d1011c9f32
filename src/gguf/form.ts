// SPDX-License-Identifier: MIT
// The forms that a GGUF file can have. Source of truth: ggml's docs/gguf.md: version 1 counts in 32 bits, versions 2
// and 3 in 64; big-endian files came with version 3, and the bytes of the others read as well either way.

export type GgufVersion = 1 | 2 | 3;

export interface GgufForm {
  readonly version: GgufVersion;
  readonly byteOrder: 'little' | 'big';
}

/** What llama.cpp reads and writes on most machines. */
export const usualForm: GgufForm = { version: 3, byteOrder: 'little' };

/** Width of counts, lengths and dimensions. */
export function sizeBytesOf(version: GgufVersion): 4 | 8 {
  return version === 1 ? 4 : 8;
}
