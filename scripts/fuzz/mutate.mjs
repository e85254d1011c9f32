// SPDX-License-Identifier: MIT
// Inputs made of others: a few small changes at random places, as libFuzzer's and AFL's mutators make them.

/** @typedef {import('./random.mjs').Random} Random */

/** Where arithmetic turns over. */
const edges = [0n, 1n, 2n, 31n, 32n, 127n, 128n, 255n, 256n, 1023n, 1024n, 65_535n, 65_536n].concat(
  [31n, 32n, 52n, 53n, 62n, 63n, 64n].flatMap((bits) => [2n ** bits - 1n, 2n ** bits]),
);

/**
 * @param {Uint8Array} input
 * @param {Uint8Array} other of the same corpus
 * @param {readonly Uint8Array[]} tokens words of the format
 * @param {number} maxLength
 * @param {Random} random
 */
export function mutate(input, other, tokens, maxLength, random) {
  let bytes = input;
  for (let left = 1 << random(4); left > 0; left--) bytes = mutateOnce(bytes, other, tokens, random);
  return bytes.subarray(0, maxLength);
}

/**
 * @param {Uint8Array} bytes
 * @param {Uint8Array} other
 * @param {readonly Uint8Array[]} tokens
 * @param {Random} random
 */
function mutateOnce(bytes, other, tokens, random) {
  const { length } = bytes;
  const at = random(length + 1);
  const stop = Math.min(length, at + 1 + random(1 << random(8)));
  switch (random(10)) {
    case 0: {
      const flipped = Uint8Array.from(bytes);
      if (at < length) flipped[at] = (bytes[at] ?? 0) ^ (1 << random(8));
      return flipped;
    }
    case 1:
      return replace(bytes, at, Math.min(at + 1, length), Uint8Array.of(random(256)));
    case 2:
      return replace(bytes, at, stop, new Uint8Array(0));
    case 3:
      return replace(bytes, at, at, bytes.slice(at, stop));
    case 4: {
      const from = random(other.length + 1);
      const piece = other.slice(from, from + 1 + random(1 << random(9)));
      return replace(bytes, at, random(2) ? at : Math.min(length, at + piece.length), piece);
    }
    case 5:
      return replace(bytes, at, length, other.slice(Math.min(at, other.length)));
    case 6:
    case 7: {
      const token = tokens[random(tokens.length)] ?? new Uint8Array(0);
      return replace(bytes, at, random(2) ? at : Math.min(length, at + token.length), token);
    }
    case 8: {
      const width = 1 << random(4);
      return replace(bytes, at, Math.min(length, at + width), encode(edge(random), width, random(4) === 0));
    }
    default:
      return changeNumber(bytes, at, random);
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {number} start
 * @param {number} end
 * @param {Uint8Array} piece
 */
function replace(bytes, start, end, piece) {
  const result = new Uint8Array(bytes.length - (end - start) + piece.length);
  result.set(bytes.subarray(0, start));
  result.set(piece, start);
  result.set(bytes.subarray(end), start + piece.length);
  return result;
}

/** Decimal digits, where there are some near; or new ones. @param {Uint8Array} bytes @param {number} at @param {Random} random */
function changeNumber(bytes, at, random) {
  const isDigit = (/** @type {number} */ index) => (bytes[index] ?? 0) >= 48 && (bytes[index] ?? 0) <= 57;
  let start = at;
  while (start < bytes.length && !isDigit(start)) start++;
  let end = start;
  while (end < bytes.length && isDigit(end)) end++;
  const text = String(random(2) ? edge(random) : random(1 << random(16)));
  return replace(bytes, start, end, new TextEncoder().encode(text));
}

/** @param {Random} random */
function edge(random) {
  return edges[random(edges.length)] ?? 0n;
}

/** @param {bigint} value @param {number} width @param {boolean} isBig */
function encode(value, width, isBig) {
  const bytes = new Uint8Array(width);
  for (let i = 0; i < width; i++) bytes[isBig ? width - 1 - i : i] = Number((value >> BigInt(8 * i)) & 255n);
  return bytes;
}
