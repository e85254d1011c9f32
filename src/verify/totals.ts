// SPDX-License-Identifier: MIT
// Sums of a verification, and shares of them as a person reads them.
import type { BytesByNode, Verification, VerifiedTensor } from './types.js';

type ByteCounts = Pick<Verification, 'placedBytes' | 'misplacedBytes' | 'absentBytes' | 'unknownBytes'>;

export function addUp(
  tensors: readonly Pick<VerifiedTensor, 'byteLength' | 'misplacedBytes' | 'absentBytes' | 'unknownBytes'>[],
): ByteCounts {
  const sum = (key: 'byteLength' | 'misplacedBytes' | 'absentBytes' | 'unknownBytes'): number =>
    tensors.reduce((total, tensor) => total + tensor[key], 0);
  return {
    placedBytes: sum('byteLength'),
    misplacedBytes: sum('misplacedBytes'),
    absentBytes: sum('absentBytes'),
    unknownBytes: sum('unknownBytes'),
  };
}

/** Over the tensors whose rows have owners. */
export function addRows(tensors: readonly Pick<VerifiedTensor, 'rows'>[]): Verification['rows'] {
  const owned = tensors.flatMap(({ rows }) => rows ?? []);
  return {
    byteLength: owned.reduce((total, { byteLength }) => total + byteLength, 0),
    localBytes: owned.reduce((total, { localBytes }) => total + localBytes, 0),
  };
}

export function addNodes(parts: readonly { readonly nodes: BytesByNode }[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { nodes } of parts) {
    for (const [node, bytes] of Object.entries(nodes)) total[node] = (total[node] ?? 0) + bytes;
  }
  return total;
}

/** Busiest node's share × nodes in use; 1 for no bytes. */
export function balanceOf(nodes: BytesByNode): number {
  const bytes = Object.values(nodes).filter((value) => value > 0);
  const total = bytes.reduce((sum, value) => sum + value, 0);
  return total === 0 ? 1 : (Math.max(...bytes) / total) * bytes.length;
}

/** Bytes that lie where the map says, page rounding not excused. */
export function rightBytes({ placedBytes, misplacedBytes, absentBytes, unknownBytes }: ByteCounts): number {
  return placedBytes - misplacedBytes - absentBytes - unknownBytes;
}

/** `99.97 %`; never rounded up, so that 100 is all of it. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return '–';
  // 0.29 × 10,000 is 2899.9999999999995.
  const hundredths = Math.floor((part / whole) * 10_000 + 1e-9);
  return `${((part < whole ? Math.min(hundredths, 9_999) : hundredths) / 100).toFixed(2)} %`;
}
