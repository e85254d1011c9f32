// SPDX-License-Identifier: MIT
// When a verification is good enough to say yes.
import { isObserve, usesRows } from '../shardmap/parse.js';
import { formatShare, rightBytes } from './totals.js';
import type { Verification } from './types.js';
import { fallsShort, wantedOf } from './worker-rows.js';

/** Share of the bytes that must lie where the map says, unless page granularity allows less. */
const wantedShare = 0.995;
/** How far below the page bound is still as good as it gets. */
const boundTolerance = 0.0015;
/** The same for rows on the node where their worker ran: small tensors weigh more there, and workers may move. */
const wantedRowShare = 0.98;
const rowTolerance = 0.015;

type Judged = Pick<
  Verification,
  | 'pid'
  | 'map'
  | 'placedBytes'
  | 'misplacedBytes'
  | 'absentBytes'
  | 'unknownBytes'
  | 'localShareBound'
  | 'rows'
  | 'worstRows'
  | 'threads'
>;

/**
 * What is wrong, one sentence each; none: all is as asked. Rows are judged where the map has a rows target, or where
 * `judgesRows` says that workers and map are otherwise known to belong together.
 */
export function findFaults(found: Judged, judgesRows = false): string[] {
  if (isObserve(found.map)) return [];
  if (found.placedBytes === 0) return ['no weight was placed'];
  const bytes = findByteFault(found);
  // Of a file nobody reads rows yet.
  const isRead = found.pid !== null && (judgesRows || usesRows(found.map));
  const rows = isRead ? [findRowFault(found), findWorkerFault(found)] : [];
  return [bytes, ...rows].filter((fault) => fault !== null);
}

function findByteFault(found: Judged): string | null {
  const wanted = Math.min(wantedShare, found.localShareBound - boundTolerance);
  const right = rightBytes(found);
  if (right >= wanted * found.placedBytes) return null;
  const share = formatShare(right, found.placedBytes);
  return `${share} of the bytes lie where the map says, ${formatShare(wanted, 1)} were wanted`;
}

function findRowFault({ rows, threads, localShareBound }: Judged): string | null {
  if (threads === 'not reached') return 'no worker was reached, so nobody knows who reads which rows';
  if (threads === 'assumed') return 'no graph has run yet, so nobody knows who reads which rows';
  const wanted = Math.min(wantedRowShare, localShareBound - rowTolerance);
  if (rows.localBytes >= wanted * rows.byteLength) return null;
  const share = formatShare(rows.localBytes, rows.byteLength);
  return `${share} of the rows lie where their worker ran, ${formatShare(wanted, 1)} were wanted`;
}

/** What an average hides: one worker that reads one tensor from elsewhere. */
function findWorkerFault({ worstRows }: Judged): string | null {
  if (worstRows === null || !fallsShort(worstRows)) return null;
  const { tensor, worker, byteLength, localBytes } = worstRows;
  const share = formatShare(localBytes, byteLength);
  return `${share} of worker ${worker}'s rows of ${tensor} lie where it ran, ${formatShare(wantedOf(worstRows), 1)} were wanted`;
}
