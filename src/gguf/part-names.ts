// SPDX-License-Identifier: MIT
// Names of the parts of a split model: PREFIX-00002-of-00005.gguf. Source of truth: llama_split_path in llama.cpp.

export interface PartName {
  /** With its folder. */
  readonly prefix: string;
  /** From 1. */
  readonly number: number;
  readonly count: number;
}

export function partPath({ prefix, number, count }: PartName): string {
  return `${prefix}-${fiveDigits(number)}-of-${fiveDigits(count)}.gguf`;
}

/** null for a name of another form. */
export function parsePartPath(path: string): PartName | null {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/s.exec(path);
  if (!match) return null;
  const [, prefix = '', number, count] = match;
  return { prefix, number: Number(number), count: Number(count) };
}

function fiveDigits(number: number): string {
  return `${number}`.padStart(5, '0');
}
