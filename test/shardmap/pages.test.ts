// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { localShareBound, pageNodes } from '../../src/shardmap/pages.js';
import { parseShardMap } from '../../src/shardmap/parse.js';
import { resolveShardMap } from '../../src/shardmap/resolve.js';
import type { Placement } from '../../src/shardmap/types.js';
import * as arbitrary from './arbitrary.js';
import { tinyModel } from './tiny-model.js';

const machine = { nodes: [0, 8, 16], usableNodes: [0, 8] };

function placements(map: string, pageSize: number): readonly Placement[] {
  const model = { ...tinyModel(), blockCount: 1e9 };
  return resolveShardMap(parseShardMap(map), model, { ...machine, pageSize, workers: 5 }).placements;
}

/** Byte by byte: the node with most bytes of each page, the lower one of two with as many. */
function slowPages(
  placed: readonly Placement[],
  pageSize: number,
): { nodes: Map<number, number>; bound: number } {
  const counts = new Map<number, Map<number, number>>();
  let total = 0;
  for (const { tensor, ranges } of placed) {
    for (const { offset, byteLength, node } of ranges) {
      for (let byte = 0; byte < byteLength; byte++, total++) {
        const page = Math.floor((tensor.fileOffset + offset + byte) / pageSize);
        const inPage = counts.get(page) ?? new Map<number, number>();
        counts.set(page, inPage.set(node, (inPage.get(node) ?? 0) + 1));
      }
    }
  }
  let own = 0;
  const nodes = new Map<number, number>();
  for (const [page, inPage] of counts) {
    const most = Math.max(...inPage.values());
    nodes.set(page, Math.min(...[...inPage].filter(([, bytes]) => bytes === most).map(([node]) => node)));
    own += most;
  }
  return { nodes, bound: own / total };
}

test('pages and bound are what counting byte by byte gives', () => {
  const pageSizes = fc.constantFrom(64, 100, 512, 4096, 1 << 20);
  fc.assert(
    fc.property(arbitrary.rangesCase(machine), pageSizes, ({ map }, pageSize) => {
      const placed = placements(map, pageSize);
      const { nodes, bound } = slowPages(placed, pageSize);
      const found = new Map<number, number>();
      let next = -1;
      for (const { firstPage, pageCount, node } of pageNodes(placed, pageSize)) {
        expect(firstPage).toBeGreaterThanOrEqual(next);
        for (let page = firstPage; page < firstPage + pageCount; page++) found.set(page, node);
        next = firstPage + pageCount;
      }
      expect([...found]).toEqual([...nodes].sort(([a], [b]) => a - b));
      expect(localShareBound(placed, pageSize)).toBeCloseTo(bound, 12);
    }),
    { numRuns: 60 },
  );
});

test('pages of different files are different pages', () => {
  const placed = placements('*:rows(0,8)', 64).map((placement, index) => ({
    ...placement,
    tensor: { ...placement.tensor, file: `${index % 2}.gguf` },
  }));
  const inFile = (file: string) => placed.filter(({ tensor }) => tensor.file === file);
  const bytes = (list: readonly Placement[]) => list.reduce((sum, { tensor }) => sum + tensor.byteLength, 0);
  const parts = ['0.gguf', '1.gguf'].map(inFile);
  const expected =
    parts.reduce((sum, part) => sum + localShareBound(part, 64) * bytes(part), 0) / bytes(placed);
  expect(localShareBound(placed, 64)).toBeCloseTo(expected, 12);
});

test('nothing to place is perfectly placed', () => {
  expect(localShareBound([], 4096)).toBe(1);
  expect(pageNodes([], 4096)).toEqual([]);
});

test('a page goes to the node with most of it, whatever else lies in it', () => {
  const placed = placements('embed:0,attn:8,*:16', 4096);
  const runs = pageNodes(placed, 4096);
  expect(runs[0]).toEqual({ firstPage: 0, pageCount: 1, node: 0 });
  expect(localShareBound(placed, 4096)).toBeLessThan(1);
});
