// SPDX-License-Identifier: MIT
// Rules to text, in one canonical spelling: parseShardMap reads back the same selectors and targets.
import { observeWord } from './limits.js';
import type { NodeSet, Selector, ShardMap, Target } from './types.js';

export function printShardMap(map: ShardMap): string {
  if (map.length === 0) return observeWord;
  return map.map(({ selector, target }) => `${printSelector(selector)}:${printTarget(target)}`).join(',');
}

export function printSelector(selector: Selector): string {
  switch (selector.kind) {
    case 'layers':
      return printRange(selector.first, selector.last);
    case 'role':
      return selector.role;
    case 'layers.role':
      return `${printRange(selector.first, selector.last)}.${selector.role}`;
    case 'name':
      return `name=${selector.glob}`;
    case 'any':
      return '*';
    default:
      return selector satisfies never;
  }
}

export function printTarget(target: Target): string {
  switch (target.kind) {
    case 'node':
      return `node${target.node}`;
    case 'interleave':
      return `interleave(${printNodes(target.nodes)})`;
    case 'weighted':
      return `weighted(${target.weights.map(({ node, weight }) => `${node}=${weight}`).join(',')})`;
    case 'rows':
      return target.nodes === 'all' ? 'rows' : `rows(${printNodes(target.nodes)})`;
    case 'cyclic':
      return `cyclic(${target.slices}${target.nodes === 'all' ? '' : `,${printNodes(target.nodes)}`})`;
    default:
      return target satisfies never;
  }
}

/** `0-3,8`: neighbours that count up become a range. */
function printNodes(nodes: NodeSet): string {
  if (nodes === 'all') return 'all';
  const runs: { first: number; last: number }[] = [];
  for (const node of nodes) {
    const run = runs.at(-1);
    if (run && node === run.last + 1) run.last = node;
    else runs.push({ first: node, last: node });
  }
  return runs.map(({ first, last }) => printRange(first, last)).join(',');
}

function printRange(first: number, last: number): string {
  return first === last ? `${first}` : `${first}-${last}`;
}
