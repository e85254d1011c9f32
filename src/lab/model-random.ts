// SPDX-License-Identifier: MIT
// Fast, repeatable random numbers for demo models: Marsaglia's xorshift32. Not for secrets.

export interface Random {
  /** An integer from 0 to 2^32 - 1. */
  readonly next: () => number;
  /** `bytes` must start on a multiple of 4 in its buffer. */
  readonly fill: (bytes: Uint8Array) => void;
}

/** The same sequence for the same text, on every little-endian machine. */
export function createRandom(seed: string): Random {
  let state = hash(seed);
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  const fill = (bytes: Uint8Array): void => {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
    for (let i = 0; i < words.length; i++) words[i] = next();
    for (let i = words.length * 4; i < bytes.byteLength; i++) bytes[i] = next();
  };
  return { next, fill };
}

/** FNV-1a; xorshift needs a state other than 0. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  return value === 0 ? 1 : value;
}
