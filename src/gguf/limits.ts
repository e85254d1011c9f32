// SPDX-License-Identifier: MIT
// Limits that keep a hostile or broken GGUF from costing memory or time; each says why it is where it is.

/** DeepSeek-V3 has about 1,100 tensors; 64 layers of 256 unmerged experts would have 50,000. */
export const MAX_TENSORS = 1 << 18;

/** Real models carry 20 to 100 metadata entries. */
export const MAX_METADATA_ENTRIES = 1 << 16;

/** docs/gguf.md: a key has at most 2^16 - 1 bytes. */
export const MAX_KEY_BYTES = 65_535;

/** ggml itself takes 63 bytes (GGML_MAX_NAME), some forks 127; anything near this is a broken length. */
export const MAX_TENSOR_NAME_BYTES = 1024;

/** GGML_MAX_DIMS in ggml.h. */
export const MAX_DIMENSIONS = 4;

/** Arrays up to this length are decoded: enough for one value per layer, far below a vocabulary. */
export const DEFAULT_MAX_ARRAY_LENGTH = 1024;

/** Strings up to this length are decoded: chat templates have up to 100 KB, whole tokenizers have more. */
export const MAX_STRING_BYTES = 1 << 20;

/** GGUF_DEFAULT_ALIGNMENT in gguf.h. */
export const DEFAULT_ALIGNMENT = 32;

/** Real files use 32, some 4096 or 65536; beyond this the padding alone would be the file. */
export const MAX_ALIGNMENT = 1 << 24;

/**
 * The least that follows a name's length: type and value of a metadata entry; dimensions, type and offset of a tensor.
 * By these a count is held against the file's length before anything is read.
 */
export const MIN_METADATA_VALUE_BYTES = 4 + 1;
export const MIN_TENSOR_INFO_BYTES = 4 + 4 + 8;
