// SPDX-License-Identifier: MIT
// The shard map as data: what was written (rules), and what it means for a model (placements).
import type { ModelTensor, Role } from '../model/types.js';

/** Nodes in the order written, each once: `all` is resolved against the machine. */
export type NodeSet = 'all' | readonly number[];

/** What a map is held against. Ids ascending. */
export interface MachineNodes {
  /** Nodes with memory: what `all` means, and where anything can be placed. */
  readonly nodes: readonly number[];
  /** Nodes with CPUs and memory: where workers live, so what `all` means in `rows` and `cyclic`. */
  readonly usableNodes: readonly number[];
}

export type Selector =
  | { readonly kind: 'layers'; readonly first: number; readonly last: number }
  | { readonly kind: 'role'; readonly role: Role }
  | { readonly kind: 'layers.role'; readonly first: number; readonly last: number; readonly role: Role }
  | { readonly kind: 'name'; readonly glob: string }
  | { readonly kind: 'any' };

export type Target =
  | { readonly kind: 'node'; readonly node: number }
  | { readonly kind: 'interleave'; readonly nodes: NodeSet }
  | {
      readonly kind: 'weighted';
      readonly weights: readonly { readonly node: number; readonly weight: number }[];
    }
  | { readonly kind: 'rows'; readonly nodes: NodeSet }
  | { readonly kind: 'cyclic'; readonly slices: number; readonly nodes: NodeSet };

export interface Rule {
  readonly selector: Selector;
  readonly target: Target;
  /** The rule as written, trimmed. */
  readonly text: string;
  /** 1-based column of the rule's first character in the map. */
  readonly column: number;
}

/** Never empty as written, but for the word `observe`: asks for nothing, changes nothing, is no rules. */
export type ShardMap = readonly Rule[];

/** How ggml divides one product among its workers; facts in docs/cuts.md. */
export type CutKind =
  /** Worker i of n reads rows [i·d, min((i+1)·d, R)), d = ⌈R/n⌉. */
  | 'rows'
  /** The same, both ends rounded up to a multiple of `group` (repacked matrices). */
  | 'rows-repacked'
  /** Rows ⌊i·R/n⌋ to ⌊(i+1)·R/n⌋, both ends rounded up to a multiple of `group` (repacked experts). */
  | 'rows-repacked-experts'
  /** Whole matrices (heads): worker i reads matrices [i·d, min((i+1)·d, M)), d = ⌈M/n⌉. */
  | 'matrices'
  /** No fixed owner: norms, biases, an embedding that is only looked up. */
  | 'none';

export interface Cut {
  readonly kind: CutKind;
  /** Rows that stay together; 1 where nothing is repacked. */
  readonly group: number;
}

/** Each node's share of the rows, in the order in which workers take them. */
export type Shares = readonly { readonly node: number; readonly weight: number }[];

export interface PlacementRange {
  /** Inside the tensor, in bytes, before rounding to pages. */
  readonly offset: number;
  readonly byteLength: number;
  readonly node: number;
}

export interface Placement {
  readonly tensor: ModelTensor;
  /** The rule that won, as written; null for the round-robin fallback. */
  readonly rule: string | null;
  readonly target: Target;
  readonly cut: Cut;
  /**
   * Sorted by offset, disjoint, covering the tensor; neighbours on the same node are merged. Computed when
   * asked for (interleaving 1 GiB by pages makes 262,144 of them): take it once, not in a loop.
   */
  readonly ranges: readonly PlacementRange[];
}

/** What a map means for a model on a machine. */
export interface Resolution {
  readonly map: ShardMap;
  readonly pageSize: number;
  readonly placements: readonly Placement[];
  /** Every node of the machine, ascending, with the bytes placed there (0 too). */
  readonly nodes: readonly { readonly id: number; readonly byteLength: number }[];
  readonly warnings: readonly MapWarning[];
}

export interface MapWarning {
  readonly code: MapWarningCode;
  readonly message: string;
  /** 1-based column in the map. */
  readonly column: number;
}

export type MapWarningCode =
  | 'rule-overlap'
  | 'rule-never-wins'
  | 'rule-matches-nothing'
  | 'large-tensor-unnamed';
