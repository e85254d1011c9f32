// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addNodes, addRows, addUp, balanceOf, formatShare, rightBytes } from '../../src/verify/totals.js';

describe('shares as a person reads them', () => {
  it('are never rounded up to all of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 52 }), fc.integer({ min: 1, max: 2 ** 52 }), (a, b) => {
        const [part, whole] = a < b ? [a, b] : [b, a + 1];
        expect(Number.parseFloat(formatShare(part, whole))).toBeLessThan(100);
      }),
    );
    expect(formatShare(2 ** 52 - 1, 2 ** 52)).toBe('99.99 %');
  });

  it.each([
    [0, 10, '0.00 %'],
    [10, 10, '100.00 %'],
    [29, 100, '29.00 %'],
    [99_999, 100_000, '99.99 %'],
    [1, 3, '33.33 %'],
    [0, 0, '–'],
  ])('%d of %d is %s', (part, whole, text) => expect(formatShare(part, whole)).toBe(text));
});

describe('sums', () => {
  const tensors = [
    { byteLength: 100, misplacedBytes: 5, absentBytes: 2, unknownBytes: 1, rows: null, nodes: { 0: 92 } },
    {
      byteLength: 50,
      misplacedBytes: 0,
      absentBytes: 0,
      unknownBytes: 0,
      rows: { byteLength: 48, localBytes: 40 },
      nodes: { 0: 10, 8: 40 },
    },
  ];

  it('add up bytes, rows with owners, and nodes', () => {
    const counts = { placedBytes: 150, misplacedBytes: 5, absentBytes: 2, unknownBytes: 1 };
    expect(addUp(tensors)).toEqual(counts);
    expect(rightBytes(counts)).toBe(142);
    expect(addRows(tensors)).toEqual({ byteLength: 48, localBytes: 40 });
    expect(addNodes(tensors)).toEqual({ 0: 102, 8: 40 });
  });

  it.each([
    [{}, 1],
    [{ 0: 0 }, 1],
    [{ 0: 5, 8: 5 }, 1],
    [{ 0: 15, 1: 5 }, 1.5],
    [{ 0: 20, 1: 0 }, 1],
  ])('balance of %o is %d', (nodes, balance) => expect(balanceOf(nodes)).toBe(balance));
});
