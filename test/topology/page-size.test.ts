// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { inferPageSize, pageSizeFromAuxv } from '../../src/topology/page-size.js';

function auxv(entries: readonly (readonly [number, number])[], byteOrder: 'LE' | 'BE'): string {
  const bytes = Buffer.alloc(entries.length * 16);
  for (const [index, pair] of entries.entries()) {
    for (const [half, value] of pair.entries()) {
      if (byteOrder === 'LE') bytes.writeBigUInt64LE(BigInt(value), index * 16 + half * 8);
      else bytes.writeBigUInt64BE(BigInt(value), index * 16 + half * 8);
    }
  }
  return bytes.toString('latin1');
}

describe('pageSizeFromAuxv', () => {
  it.each(['', 'short', auxv([[16, 0xbfebfbff]], 'LE'), auxv([[6, 12345]], 'LE'), auxv([[6, 0]], 'LE')])(
    'finds none in a vector without a page size (%#)',
    (text) => {
      expect(pageSizeFromAuxv(text)).toBeNull();
    },
  );

  it.each(['LE', 'BE'] as const)('reads AT_PAGESZ, %s', (byteOrder) => {
    const text = auxv(
      [
        [33, 0x7fff_ffff_f000],
        [16, 0xbfebfbff],
        [6, 65536],
        [0, 0],
      ],
      byteOrder,
    );
    expect(pageSizeFromAuxv(text)).toBe(65536);
  });
});

describe('inferPageSize', () => {
  const memory = (total: number, free: number) =>
    new Map([
      ['MemTotal', total * 1024],
      ['MemFree', free * 1024],
    ]);

  it('takes the largest power of two that divides every figure', () => {
    expect(inferPageSize([memory(1024, 640), memory(2048, 64)]).pageSize).toBe(65536);
    expect(inferPageSize([memory(1024, 640), memory(2048, 16)]).pageSize).toBe(16384);
    expect(inferPageSize([memory(1024, 640), memory(2048, 3)]).pageSize).toBe(4096);
  });

  it('assumes 4096 when there is too little to tell', () => {
    expect(inferPageSize([memory(1024, 640)])).toMatchObject({
      pageSize: 4096,
      warning: { code: 'page-size-assumed' },
    });
  });
});
