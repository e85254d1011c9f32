// SPDX-License-Identifier: MIT
// Pure arithmetic of verify: where a tensor's bytes are, where the map wants them, who reads them.

import { absentPage, type PageRuns, unknownPage } from '../runtime/page-runs.js';
import type { TensorShape } from '../shardmap/cut.js';
import { workerRows } from '../shardmap/cut.js';
import type { Cut, PlacementRange } from '../shardmap/types.js';

export interface Score {
  readonly misplacedBytes: number;
  readonly absentBytes: number;
  readonly unknownBytes: number;
  readonly nodes: Record<string, number>;
}

/** Bytes by node, and those that are elsewhere than `ranges` say. `start`: address or offset of the tensor. */
export function scoreRanges(pages: PageRuns, start: number, ranges: readonly PlacementRange[]): Score {
  const nodes: Record<string, number> = {};
  let misplacedBytes = 0;
  let absentBytes = 0;
  let unknownBytes = 0;
  for (const { offset, byteLength, node: wanted } of ranges) {
    pages.each(start + offset, start + offset + byteLength, (node, bytes) => {
      if (node === absentPage) absentBytes += bytes;
      else if (node === unknownPage) unknownBytes += bytes;
      else {
        nodes[node] = (nodes[node] ?? 0) + bytes;
        if (node !== wanted) misplacedBytes += bytes;
      }
    });
  }
  return { misplacedBytes, absentBytes, unknownBytes, nodes };
}

/** Bytes of all workers' rows, and those on the node where their worker runs; null when rows have no owner. */
export function scoreRows(
  pages: PageRuns,
  start: number,
  cut: Cut,
  shape: TensorShape,
  workerNodes: readonly (number | null)[],
): { byteLength: number; localBytes: number } | null {
  if (cut.kind === 'none' || workerNodes.length === 0) return null;
  let total = 0;
  let localBytes = 0;
  const isWhole = cut.kind === 'matrices';
  const unit = isWhole ? shape.rowByteLength * shape.rows : shape.rowByteLength;
  const perMatrix = isWhole ? shape.matrices : shape.rows;
  for (const [worker, home] of workerNodes.entries()) {
    const { first, end } = workerRows(cut, shape, worker, workerNodes.length);
    for (let matrix = 0; matrix < (isWhole ? 1 : shape.matrices); matrix++) {
      const from = start + (matrix * perMatrix + first) * unit;
      const to = start + (matrix * perMatrix + end) * unit;
      total += to - from;
      pages.each(from, to, (node, bytes) => {
        if (node === home) localBytes += bytes;
      });
    }
  }
  return { byteLength: total, localBytes };
}
