// SPDX-License-Identifier: MIT
// A small byte-level BPE vocabulary, enough for any text: 256 bytes, three special tokens, merges of letters.
// Source of truth: GPT-2's bytes_to_unicode and llama-vocab.cpp.
import { NumashardError } from '../errors.js';
import { type EncodableValue, ggufBool, ggufI32s, ggufString, ggufStrings, ggufU32 } from '../gguf/encode.js';

export interface DemoTokenizer {
  readonly metadata: Readonly<Record<string, EncodableValue>>;
  /** True for tokens that greedy text may contain: printable ASCII. */
  readonly isPrintable: (token: number) => boolean;
}

const SPECIALS = ['<unk>', '<s>', '</s>'];
const NORMAL = 1;
const CONTROL = 3;

/** `size` tokens in all, from 259 (bytes and specials) to 1,637 (every merge used). */
export function buildTokenizer(size: number): DemoTokenizer {
  const bytes = Array.from({ length: 256 }, (_, byte) => byteCharacter(byte));
  const base = [...SPECIALS, ...bytes];
  const merges = mergePairs().slice(0, size - base.length);
  if (base.length + merges.length !== size) {
    throw new NumashardError('usage', `demo vocabulary of ${size} tokens, allowed 259 to 1637`);
  }
  const tokens = [...base, ...merges.map(([left, right]) => left + right)];
  const metadata = {
    'tokenizer.ggml.model': ggufString('gpt2'),
    'tokenizer.ggml.pre': ggufString('default'),
    'tokenizer.ggml.tokens': ggufStrings(tokens),
    'tokenizer.ggml.token_type': ggufI32s(tokens.map((_, id) => (id < SPECIALS.length ? CONTROL : NORMAL))),
    'tokenizer.ggml.merges': ggufStrings(merges.map(([left, right]) => `${left} ${right}`)),
    'tokenizer.ggml.unknown_token_id': ggufU32(0),
    'tokenizer.ggml.bos_token_id': ggufU32(1),
    'tokenizer.ggml.eos_token_id': ggufU32(2),
    'tokenizer.ggml.add_bos_token': ggufBool(true),
  };
  const isPrintable = (token: number) => token >= SPECIALS.length && printable.test(tokens[token] ?? '');
  return { metadata, isPrintable };
}

const SPACE = byteCharacter(0x20);
const printable = new RegExp(`^[!-~${SPACE}]+$`);
const letters = [...'etaoinshrdlcumwfgypbvkjxqz'];

/** " t", then "et", then " et": a merge only joins tokens that are already there. */
function mergePairs(): (readonly [string, string])[] {
  const pairs = letters.flatMap((left) => letters.map((right) => [left, right] as const));
  return [
    ...letters.map((letter) => [SPACE, letter] as const),
    ...pairs,
    ...pairs.map(([left, right]) => [SPACE, left + right] as const),
  ];
}

/** Bytes that print stand for themselves; the others take code points from 256 on, in order. */
function byteCharacter(byte: number): string {
  const printsItself = (b: number) => (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
  if (printsItself(byte)) return String.fromCodePoint(byte);
  let before = 0;
  for (let b = 0; b < byte; b++) if (!printsItself(b)) before++;
  return String.fromCodePoint(256 + before);
}
