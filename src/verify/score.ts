// SPDX-License-Identifier: MIT
// Pure arithmetic of verify: where a tensor's bytes are, where the map wants them, who reads them.

import { absentPage, type PageRuns, unknownPage } from '../runtime/page-runs.js';
import type { TensorShape } from '../shardmap/cut.js';
import { workerRows } from '../shardmap/cut.js';
import type { Cut, PlacementRange } from '../shardmap/types.js';
import type { RowBytes } from './types.js';

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

export interface RowScore extends RowBytes {
  /** By index. */
  readonly workers: readonly RowBytes[];
  /** Stretches of memory that each worker reads. */
  readonly stretches: number;
}

/** Bytes of all workers' rows, and those on the node where their worker runs; null when rows have no owner. */
export function scoreRows(
  pages: PageRuns,
  start: number,
  cut: Cut,
  shape: TensorShape,
  workerNodes: readonly (number | null)[],
): RowScore | null {
  if (cut.kind === 'none' || workerNodes.length === 0) return null;
  const isWhole = cut.kind === 'matrices';
  const unit = isWhole ? shape.rowByteLength * shape.rows : shape.rowByteLength;
  const perMatrix = isWhole ? shape.matrices : shape.rows;
  const stretches = isWhole ? 1 : shape.matrices;
  const workers = workerNodes.map((home, worker) => {
    let byteLength = 0;
    let localBytes = 0;
    const { first, end } = workerRows(cut, shape, worker, workerNodes.length);
    for (let matrix = 0; matrix < stretches; matrix++) {
      const from = start + (matrix * perMatrix + first) * unit;
      const to = start + (matrix * perMatrix + end) * unit;
      byteLength += to - from;
      pages.each(from, to, (node, bytes) => {
        if (node === home) localBytes += bytes;
      });
    }
    return { byteLength, localBytes };
  });
  return { ...addUpRows(workers), workers, stretches };
}

function addUpRows(parts: readonly RowBytes[]): RowBytes {
  return {
    byteLength: parts.reduce((sum, { byteLength }) => sum + byteLength, 0),
    localBytes: parts.reduce((sum, { localBytes }) => sum + localBytes, 0),
  };
}
