// SPDX-License-Identifier: MIT
// CPU sets as people write them on command lines: hexadecimal masks, and ranges `lo-hi`.
// Source of truth: parse_cpu_mask and parse_cpu_range in llama.cpp's common/common.cpp; taskset(1).
import { maxCpuId } from '../topology/cpu-list.js';

/** GGML_MAX_N_THREADS of ggml.h: ggml's masks end there. */
const maxMaskCpus = 512;

/** `ff`, `0xff`, `ffff,ffffffff`; null: not a mask. */
export function readHexMask(text: string): number[] | null {
  const digits = text.replace(/^0x/i, '').replaceAll(',', '');
  if (!/^[0-9a-f]+$/i.test(digits) || digits.length > (maxCpuId + 1) / 4) return null;
  return [...digits].reverse().flatMap((digit, position) => {
    const bits = Number.parseInt(digit, 16);
    return [0, 1, 2, 3].filter((bit) => (bits >> bit) & 1).map((bit) => position * 4 + bit);
  });
}

/** `0-7`, `-7`, `8-`; null: not a range. */
export function readCpuRange(text: string): number[] | null {
  const [, low, high] = /^(\d{0,3})-(\d{0,3})$/.exec(text) ?? [];
  if (low === undefined || high === undefined) return null;
  const first = low === '' ? 0 : Number(low);
  const last = high === '' ? maxMaskCpus - 1 : Number(high);
  return first < maxMaskCpus && last < maxMaskCpus && first <= last ? sequence(first, last) : null;
}

function sequence(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
