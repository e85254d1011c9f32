// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { absentPage, PageRuns, unknownPage } from '../../src/runtime/page-runs.js';
import { workerRows } from '../../src/shardmap/cut.js';
import type { Cut, PlacementRange } from '../../src/shardmap/types.js';
import { scoreRanges, scoreRows } from '../../src/verify/score.js';

const page = 16;

const runs = fc.array(
  fc.record({ node: fc.integer({ min: unknownPage, max: 5 }), pageCount: fc.integer({ min: 1, max: 9 }) }),
  { maxLength: 12 },
);

/** Ranges that follow each other from 0. */
const ranges = fc
  .array(fc.record({ byteLength: fc.integer({ min: 1, max: 100 }), node: fc.nat(5) }), { maxLength: 12 })
  .map((parts) => {
    let offset = 0;
    return parts.map(({ byteLength, node }): PlacementRange => {
      offset += byteLength;
      return { offset: offset - byteLength, byteLength, node };
    });
  });

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}

describe('scoreRanges', () => {
  it('counts every byte once, wherever it is and whatever was asked', () => {
    fc.assert(
      fc.property(runs, ranges, fc.nat(200), (pages, asked, start) => {
        const score = scoreRanges(new PageRuns(start, page, pages), start, asked);
        const counted = sum(Object.values(score.nodes)) + score.absentBytes + score.unknownBytes;
        expect(counted).toBe(sum(asked.map(({ byteLength }) => byteLength)));
        expect(score.misplacedBytes).toBeLessThanOrEqual(sum(Object.values(score.nodes)));
      }),
    );
  });

  it('excuses no page rounding', () => {
    const pages = new PageRuns(0, page, [
      { node: 0, pageCount: 1 },
      { node: 1, pageCount: 1 },
    ]);
    const asked = [
      { offset: 0, byteLength: 20, node: 0 },
      { offset: 20, byteLength: 12, node: 1 },
    ];
    expect(scoreRanges(pages, 0, asked)).toEqual({
      misplacedBytes: 4,
      absentBytes: 0,
      unknownBytes: 0,
      nodes: { 0: 16, 1: 16 },
    });
  });

  it('takes neither absent nor unknown pages for placed or misplaced', () => {
    const pages = new PageRuns(32, page, [
      { node: absentPage, pageCount: 1 },
      { node: unknownPage, pageCount: 2 },
    ]);
    expect(scoreRanges(pages, 32, [{ offset: 0, byteLength: 64, node: 0 }])).toEqual({
      misplacedBytes: 0,
      absentBytes: 32,
      unknownBytes: 32,
      nodes: {},
    });
  });
});

const cuts = fc.oneof(
  fc.constantFrom<Cut>({ kind: 'rows', group: 1 }, { kind: 'matrices', group: 1 }),
  fc.record({
    kind: fc.constantFrom('rows-repacked' as const, 'rows-repacked-experts' as const),
    group: fc.constantFrom(4, 8, 16),
  }),
);
const shapes = fc.record({
  rowByteLength: fc.integer({ min: 1, max: 4 }).map((pages) => pages * page),
  rows: fc.integer({ min: 1, max: 40 }),
  matrices: fc.integer({ min: 1, max: 5 }),
});
const workerNodes = fc.array(fc.nat(3), { minLength: 1, maxLength: 9 });

/** Where the pages are when every worker's rows, a whole number of pages each, lie on its node. */
function placedFor(
  cut: Cut,
  shape: { rowByteLength: number; rows: number; matrices: number },
  homes: readonly number[],
): PageRuns {
  const isWhole = cut.kind === 'matrices';
  const unitPages = (shape.rowByteLength / page) * (isWhole ? shape.rows : 1);
  const placed: { node: number; pageCount: number }[] = [];
  for (let matrix = 0; matrix < (isWhole ? 1 : shape.matrices); matrix++) {
    for (const [worker, node] of homes.entries()) {
      const { first, end } = workerRows(cut, shape, worker, homes.length);
      if (end > first) placed.push({ node, pageCount: (end - first) * unitPages });
    }
  }
  return new PageRuns(0, page, placed);
}

describe('scoreRows', () => {
  it('is all local where each row lies on the node of its worker, and none where each lies on another', () => {
    fc.assert(
      fc.property(cuts, shapes, workerNodes, (cut, shape, homes) => {
        const byteLength = shape.rowByteLength * shape.rows * shape.matrices;
        const pages = placedFor(cut, shape, homes);
        expect(scoreRows(pages, 0, cut, shape, homes)).toMatchObject({ byteLength, localBytes: byteLength });
        const rotated = homes.map((node) => (node + 1) % 4);
        expect(scoreRows(pages, 0, cut, shape, rotated)).toMatchObject({ byteLength, localBytes: 0 });
      }),
    );
  });

  it('has no answer where rows have no owner, or no worker was seen', () => {
    const pages = new PageRuns(0, page, []);
    const shape = { rowByteLength: page, rows: 4, matrices: 1 };
    expect(scoreRows(pages, 0, { kind: 'none', group: 1 }, shape, [0, 1])).toBeNull();
    expect(scoreRows(pages, 0, { kind: 'rows', group: 1 }, shape, [])).toBeNull();
  });

  it('counts the rows of a worker whose node is not known as read from elsewhere', () => {
    const pages = new PageRuns(0, page, [{ node: 0, pageCount: 4 }]);
    const shape = { rowByteLength: page, rows: 4, matrices: 1 };
    expect(scoreRows(pages, 0, { kind: 'rows', group: 1 }, shape, [0, null])).toEqual({
      byteLength: 64,
      localBytes: 32,
      workers: [
        { byteLength: 32, localBytes: 32 },
        { byteLength: 32, localBytes: 0 },
      ],
      stretches: 1,
    });
  });
});
