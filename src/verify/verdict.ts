// SPDX-License-Identifier: MIT
// When a verification is good enough to say yes.
import type { Verification } from './types.js';

/** Share of the bytes that must lie where the map says, unless page granularity allows less. */
const wantedShare = 0.995;
/** How far below the page bound is still as good as it gets. */
const boundTolerance = 0.0015;
/** Share of all rows on the node where their worker ran. */
const wantedRowShare = 0.98;

/** What is wrong, one sentence each; none: all is as asked. */
export function findFaults(
  found: Pick<
    Verification,
    'placedBytes' | 'misplacedBytes' | 'absentBytes' | 'unknownBytes' | 'localShareBound' | 'rows' | 'map'
  >,
): string[] {
  if (found.map === 'observe') return [];
  const { placedBytes, misplacedBytes, absentBytes, unknownBytes, localShareBound, rows } = found;
  const faults: string[] = [];
  if (placedBytes === 0) return ['no weight was placed'];
  const right = (placedBytes - misplacedBytes - absentBytes - unknownBytes) / placedBytes;
  const wanted = Math.min(wantedShare, localShareBound - boundTolerance);
  if (right < wanted)
    faults.push(`${percent(right)} of the bytes lie where the map says, ${percent(wanted)} were wanted`);
  const local = rows.byteLength === 0 ? 1 : rows.localBytes / rows.byteLength;
  if (/\brows\b/.test(found.map) && local < wantedRowShare) {
    faults.push(
      `${percent(local)} of the rows lie where their worker ran, ${percent(wantedRowShare)} were wanted`,
    );
  }
  return faults;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)} %`;
}
