// SPDX-License-Identifier: MIT
// CPU and node lists ("0-3,8") and CPU masks ("00000000,0000ffff") as the kernel prints them.
// Source of truth: bitmap_print_to_pagebuf in the kernel's lib/bitmap-str.c.
import { NumashardError } from '../errors.js';

/** Highest id accepted: eight times NR_CPUS of any shipped kernel (8192), so a range cannot exhaust memory. */
export const maxCpuId = 65_535;

/** Ids of a list such as `0-3,8`, ascending and unique; an empty text is an empty list. `where` is for the error. */
export function parseCpuList(text: string, where = 'CPU list'): number[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  const ids = new Set<number>();
  let length = 0;
  for (const part of trimmed.split(',')) {
    const match = /^\s*(\d{1,10})(?:-(\d{1,10}))?\s*$/.exec(part);
    if (match === null) throw unreadable(where, text, `"${part.slice(0, 40)}" is not a number or a range`);
    const first = Number(match[1]);
    const last = match[2] === undefined ? first : Number(match[2]);
    if (last < first) throw unreadable(where, text, `range ${part.trim()} runs backwards`);
    if (last > maxCpuId) throw unreadable(where, text, `id ${last} is above the limit of ${maxCpuId}`);
    length += last - first + 1;
    if (length > maxCpuId + 1) throw unreadable(where, text, `more than ${maxCpuId + 1} ids`);
    for (let id = first; id <= last; id++) ids.add(id);
  }
  return [...ids].sort(ascending);
}

/** Ids of a mask of comma-separated hexadecimal words of 32 bits, most significant first. */
export function parseCpuMask(text: string, where = 'CPU mask'): number[] {
  const words = text.trim().split(',');
  if (words.length * 32 > maxCpuId + 1) throw unreadable(where, text, `more than ${maxCpuId + 1} bits`);
  const ids: number[] = [];
  for (const [position, word] of words.entries()) {
    if (!/^[0-9a-f]{1,8}$/i.test(word)) {
      throw unreadable(where, text, `"${word.slice(0, 40)}" is not a hexadecimal word of 32 bits`);
    }
    const bits = Number.parseInt(word, 16);
    const firstId = (words.length - 1 - position) * 32;
    for (let bit = 0; bit < 32; bit++) if ((bits >>> bit) & 1) ids.push(firstId + bit);
  }
  return ids.sort(ascending);
}

/** The shortest list text of these ids, in any order: `[8, 0, 1, 2]` is `0-2,8`. */
export function formatCpuList(ids: Iterable<number>): string {
  const sorted = [...new Set(ids)].sort(ascending);
  const parts: string[] = [];
  for (let start = 0; start < sorted.length; ) {
    let end = start;
    while (sorted[end + 1] === (sorted[end] as number) + 1) end++;
    parts.push(end === start ? `${sorted[start]}` : `${sorted[start]}-${sorted[end]}`);
    start = end + 1;
  }
  return parts.join(',');
}

function ascending(left: number, right: number): number {
  return left - right;
}

function unreadable(where: string, text: string, reason: string): NumashardError {
  const shown = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return new NumashardError('topology-unreadable', `${where} "${shown.trim()}" cannot be read: ${reason}`);
}
