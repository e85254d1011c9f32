// SPDX-License-Identifier: MIT
// Small GGUF files of every version and byte order, written here and not by the writer of src/gguf, which may share
// the reader's mistakes. Source of truth: ggml's docs/gguf.md.

/** @typedef {{ version: number, isBig: boolean }} Dialect */

const UINT32 = 4;
const STRING = 8;
const ARRAY = 9;

/** @returns {Uint8Array[]} */
export function ggufSeeds() {
  return [3, 2, 1].flatMap((version) =>
    [false, true].flatMap((isBig) => [model({ version, isBig }), part({ version, isBig })]),
  );
}

/** @param {Dialect} dialect */
function model(dialect) {
  const metadata = [
    entry(dialect, 'general.architecture', STRING, text(dialect, 'llama')),
    entry(dialect, 'llama.block_count', UINT32, u32(dialect, 1)),
    entry(dialect, 'general.alignment', UINT32, u32(dialect, 32)),
    entry(
      dialect,
      'tokenizer.ggml.tokens',
      ARRAY,
      u32(dialect, STRING),
      size(dialect, 2),
      text(dialect, 'a'),
      text(dialect, 'b'),
    ),
    ...Array.from({ length: 13 }, (_, type) => type)
      .filter((type) => type !== STRING && type !== ARRAY)
      .map((type) => entry(dialect, `x.${type}`, type, number(dialect, type))),
  ];
  const tensors = [
    tensor(dialect, 'token_embd.weight', [32, 2], 8, 0),
    tensor(dialect, 'blk.0.ffn_up_exps.weight', [32, 1, 2], 2, 96),
    tensor(dialect, 'output.weight', [4, 2], 0, 160),
  ];
  return file(dialect, metadata, tensors, 192);
}

/** The second part of two. @param {Dialect} dialect */
function part(dialect) {
  const [no, count, total] = ['split.no', 'split.count', 'split.tensors.count'].map((key, index) =>
    entry(dialect, key, index === 2 ? 5 : 2, index === 2 ? u32(dialect, 2) : bytes(dialect, 2, 1 + index)),
  );
  return file(
    dialect,
    [no ?? [], count ?? [], total ?? []].map((one) => Buffer.from(one)),
    [tensor(dialect, 'blk.1.attn_q.weight', [8], 1, 0)],
    16,
  );
}

/** @param {Dialect} dialect @param {Buffer[]} metadata @param {Buffer[]} tensors @param {number} dataBytes */
function file(dialect, metadata, tensors, dataBytes) {
  const head = Buffer.concat([
    Buffer.from('GGUF'),
    u32(dialect, dialect.version),
    size(dialect, tensors.length),
    size(dialect, metadata.length),
    ...metadata,
    ...tensors,
  ]);
  return Uint8Array.from(Buffer.concat([head, Buffer.alloc(((32 - (head.length % 32)) % 32) + dataBytes)]));
}

/** @param {Dialect} dialect @param {string} key @param {number} type @param {Buffer[]} value */
function entry(dialect, key, type, ...value) {
  return Buffer.concat([text(dialect, key), u32(dialect, type), ...value]);
}

/** @param {Dialect} dialect @param {string} name @param {number[]} shape @param {number} type @param {number} offset */
function tensor(dialect, name, shape, type, offset) {
  const sizes = shape.map((length) => size(dialect, length));
  return Buffer.concat([
    text(dialect, name),
    u32(dialect, shape.length),
    ...sizes,
    u32(dialect, type),
    bytes(dialect, 8, offset),
  ]);
}

/** @param {Dialect} dialect @param {number} type of metadata */
function number(dialect, type) {
  return bytes(dialect, [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8][type] ?? 0, 1);
}

/** @param {Dialect} dialect @param {string} value */
function text(dialect, value) {
  return Buffer.concat([size(dialect, value.length), Buffer.from(value)]);
}

/** Counts and lengths, of 32 bits in version 1. @param {Dialect} dialect @param {number} value */
function size(dialect, value) {
  return bytes(dialect, dialect.version === 1 ? 4 : 8, value);
}

/** @param {Dialect} dialect @param {number} value */
function u32(dialect, value) {
  return bytes(dialect, 4, value);
}

/** @param {Dialect} dialect @param {number} width @param {number} value below 2^32 */
function bytes({ isBig }, width, value) {
  const result = Buffer.alloc(width);
  for (let i = 0; i < Math.min(width, 4); i++) result[isBig ? width - 1 - i : i] = (value >>> (8 * i)) & 255;
  return result;
}
