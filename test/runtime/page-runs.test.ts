// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { absentPage, PageRuns } from '../../src/runtime/page-runs.js';

const page = 8;
const runs = fc.array(
  fc.record({ node: fc.integer({ min: -2, max: 4 }), pageCount: fc.integer({ min: 0, max: 6 }) }),
  { maxLength: 10 },
);

/** Byte by byte, the slow way. */
function nodeAt(
  address: number,
  start: number,
  pages: readonly { node: number; pageCount: number }[],
): number {
  const nodes = pages.flatMap(({ node, pageCount }) => Array.from({ length: pageCount }, () => node));
  const index = Math.floor(address / page) - Math.floor(start / page);
  return nodes[index] ?? absentPage;
}

describe('PageRuns', () => {
  it('each covers exactly what it is asked for, byte by byte', () => {
    fc.assert(
      fc.property(runs, fc.nat(50), fc.nat(300), fc.nat(200), (pages, start, from, length) => {
        const first = start + from;
        const found: number[] = [];
        new PageRuns(start, page, pages).each(first, first + length, (node, byteLength) => {
          expect(byteLength).toBeGreaterThan(0);
          for (let byte = 0; byte < byteLength; byte++) found.push(node);
        });
        expect(found).toEqual(Array.from({ length }, (_, byte) => nodeAt(first + byte, start, pages)));
      }),
    );
  });

  it('counts its pages', () => {
    expect(
      new PageRuns(5, page, [
        { node: 0, pageCount: 3 },
        { node: 1, pageCount: 2 },
      ]).pageCount,
    ).toBe(5);
    expect(new PageRuns(5, page, []).pageCount).toBe(0);
  });

  it('takes what is absent from another look at the same pages', () => {
    fc.assert(
      fc.property(runs, runs, fc.nat(50), fc.nat(50), (pages, otherPages, start, otherStart) => {
        const own = new PageRuns(start, page, pages);
        const merged = own.orElse(new PageRuns(otherStart, page, otherPages));
        expect(merged.pageCount).toBe(own.pageCount);
        for (let index = 0; index < own.pageCount; index++) {
          const node = nodeAt(start + index * page, start, pages);
          const other = nodeAt(otherStart + index * page, otherStart, otherPages);
          expect(nodeAt(start + index * page, start, merged.runs)).toBe(node === absentPage ? other : node);
        }
      }),
    );
  });
});
