// SPDX-License-Identifier: MIT
// The base page size. Source of truth: AT_PAGESZ in the auxiliary vector; recordings have none, but their memory
// figures are page counts multiplied out, so the largest power of two that divides them all is the page size.
import type { TopologyWarning } from './types.js';

const AT_PAGESZ = 6;
const smallestPageSize = 4096;
/** Linux has no larger base page on the architectures that run llama.cpp. */
const largestPageSize = 65_536;
/** Fewer figures than this may be multiples of a larger power of two by chance. */
const fewestFigures = 4;
/** Counted in pages by every kernel; KernelStack, for one, is not. */
const pageCounted = [
  'MemTotal',
  'MemFree',
  'FilePages',
  'AnonPages',
  'Active',
  'Inactive',
  'Cached',
  'Mapped',
];

/** AT_PAGESZ of an auxiliary vector given as one character per byte, in either byte order; null if absent. */
export function pageSizeFromAuxv(auxv: string): number | null {
  const bytes = Buffer.from(auxv, 'latin1');
  for (let offset = 0; offset + 16 <= bytes.length; offset += 16) {
    for (const read of [bytes.readBigUInt64LE, bytes.readBigUInt64BE]) {
      const value = Number(read.call(bytes, offset + 8));
      if (Number(read.call(bytes, offset)) === AT_PAGESZ && isPageSize(value)) return value;
    }
  }
  return null;
}

export interface PageSizeFound {
  readonly pageSize: number;
  readonly warning: TopologyWarning;
}

/** From the memory figures of a recording, in bytes by name. */
export function inferPageSize(memories: readonly ReadonlyMap<string, number>[]): PageSizeFound {
  const figures = memories.flatMap((memory) => pageCounted.flatMap((name) => memory.get(name) || []));
  if (figures.length < fewestFigures) {
    const message = `no auxiliary vector and too few memory figures: a page size of ${smallestPageSize} bytes is assumed`;
    return { pageSize: smallestPageSize, warning: { code: 'page-size-assumed', message } };
  }
  let pageSize = largestPageSize;
  while (pageSize > smallestPageSize && figures.some((bytes) => bytes % pageSize !== 0)) pageSize /= 2;
  const message = `no auxiliary vector: a page size of ${pageSize} bytes follows from the memory figures`;
  return { pageSize, warning: { code: 'page-size-inferred', message } };
}

function isPageSize(value: number): boolean {
  return value >= smallestPageSize && value <= 2 ** 20 && Number.isInteger(Math.log2(value));
}
