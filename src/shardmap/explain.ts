// SPDX-License-Identifier: MIT
// The document of `map explain --json`, schema numashard/map-explain/1: fields as docs/json.md lists them.
import { localShareBound } from './pages.js';
import { printShardMap, printTarget } from './print.js';
import type { Cut, MapWarning, PlacementRange, Resolution } from './types.js';

/**
 * Ranges in one document. Interleaving a model of 400 GiB by pages makes 100 million of them, more than one
 * string can hold; tensors past the limit have `ranges: []` and `rangesOmitted: true`.
 */
const maxRanges = 1_000_000;

export interface ExplainedTensor {
  readonly name: string;
  readonly rule: string | null;
  readonly target: string;
  readonly cut: Cut['kind'];
  readonly byteLength: number;
  readonly ranges: readonly PlacementRange[];
  readonly rangesOmitted?: true;
}

export interface ExplainDocument {
  readonly schema: 'numashard/map-explain/1';
  readonly map: string;
  readonly pageSize: number;
  readonly localShareBound: number;
  readonly nodes: readonly { readonly id: number; readonly byteLength: number }[];
  readonly tensors: readonly ExplainedTensor[];
  readonly warnings: readonly MapWarning[];
}

export function explainDocument(resolution: Resolution): ExplainDocument {
  const { map, pageSize, placements, nodes, warnings } = resolution;
  let room = maxRanges;
  const tensors = placements.map((placement): ExplainedTensor => {
    const { tensor, rule, target, cut } = placement;
    const explained = {
      name: tensor.name,
      rule,
      target: printTarget(target),
      cut: cut.kind,
      byteLength: tensor.byteLength,
    };
    const ranges = placement.ranges;
    if (ranges.length > room) return { ...explained, ranges: [], rangesOmitted: true };
    room -= ranges.length;
    return { ...explained, ranges };
  });
  return {
    schema: 'numashard/map-explain/1',
    map: printShardMap(map),
    pageSize,
    localShareBound: localShareBound(placements, pageSize),
    nodes,
    tensors,
    warnings,
  };
}
