// SPDX-License-Identifier: MIT
// From byte ranges to pages: a page of a file goes to the node with most of its bytes, and what that costs.
import type { Placement } from './types.js';

export interface PageRun {
  /** Index in the file's page grid. */
  readonly firstPage: number;
  readonly pageCount: number;
  readonly node: number;
}

/** The best local share that page granularity allows: bytes on a page of their own node; 1 for no bytes. */
export function localShareBound(placements: readonly Placement[], pageSize: number): number {
  let total = 0;
  let own = 0;
  for (const inFile of byFile(placements)) {
    eachPageRun(inFile, pageSize, (_run, ownByteLength, byteLength) => {
      own += ownByteLength;
      total += byteLength;
    });
  }
  return total === 0 ? 1 : own / total;
}

/** Runs of pages with the node of each, ascending; pages without a tensor are in none. Placements of one file. */
export function pageNodes(placements: readonly Placement[], pageSize: number): PageRun[] {
  const runs: PageRun[] = [];
  eachPageRun(placements, pageSize, (run) => {
    const last = runs.at(-1);
    if (last && last.node === run.node && last.firstPage + last.pageCount === run.firstPage) {
      runs[runs.length - 1] = { ...last, pageCount: last.pageCount + run.pageCount };
    } else {
      runs.push(run);
    }
  });
  return runs;
}

function byFile(placements: readonly Placement[]): Placement[][] {
  const files = new Map<string, Placement[]>();
  for (const placement of placements) {
    const inFile = files.get(placement.tensor.file);
    if (inFile) inFile.push(placement);
    else files.set(placement.tensor.file, [placement]);
  }
  return [...files.values()];
}

type EmitPageRun = (run: PageRun, ownByteLength: number, byteLength: number) => void;

/** Goes through the ranges by file offset; a page that several ranges share is decided when it is left. */
function eachPageRun(placements: readonly Placement[], pageSize: number, emit: EmitPageRun): void {
  const ordered = placements.toSorted((a, b) => a.tensor.fileOffset - b.tensor.fileOffset);
  const shared = new Map<number, number>();
  let sharedPage = -1;
  const add = (page: number, node: number, byteLength: number): void => {
    if (page !== sharedPage) settle();
    sharedPage = page;
    shared.set(node, (shared.get(node) ?? 0) + byteLength);
  };
  const settle = (): void => {
    if (shared.size === 0) return;
    // Equal bytes: the lower node, as in the native library.
    const ranked = [...shared].sort(([a, aBytes], [b, bBytes]) => bBytes - aBytes || a - b);
    const total = ranked.reduce((sum, [, bytes]) => sum + bytes, 0);
    const [node, own] = ranked[0] ?? [0, 0];
    emit({ firstPage: sharedPage, pageCount: 1, node }, own, total);
    shared.clear();
  };
  for (const { tensor, ranges } of ordered) {
    for (const { offset, byteLength, node } of ranges) {
      const start = tensor.fileOffset + offset;
      const end = start + byteLength;
      const firstWhole = Math.ceil(start / pageSize);
      const endWhole = Math.floor(end / pageSize);
      if (firstWhole > endWhole) {
        add(endWhole, node, byteLength);
        continue;
      }
      const head = firstWhole * pageSize - start;
      if (head > 0) add(firstWhole - 1, node, head);
      if (endWhole > firstWhole) {
        settle();
        const whole = (endWhole - firstWhole) * pageSize;
        emit({ firstPage: firstWhole, pageCount: endWhole - firstWhole, node }, whole, whole);
      }
      const tail = end - endWhole * pageSize;
      if (tail > 0) add(endWhole, node, tail);
    }
  }
  settle();
}
