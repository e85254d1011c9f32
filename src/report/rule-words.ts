// SPDX-License-Identifier: MIT
// The text of `numashard map explain` without a model: what each rule says, in words, the winners first.
import { precedence } from '../shardmap/find-rule.js';
import { printSelector } from '../shardmap/print.js';
import type { NodeSet, Rule, Selector, ShardMap, Target } from '../shardmap/types.js';
import { formatCpuList } from '../topology/cpu-list.js';
import { renderTable } from './text-table.js';

export function renderRules(map: ShardMap): string {
  if (map.length === 0) return 'observe: announces and reports, places nothing';
  const ranked = [...map].sort((left, right) => rank(left) - rank(right));
  return [
    renderTable(
      [
        { title: 'rule', align: 'left' },
        { title: 'takes', align: 'left' },
        { title: 'and puts', align: 'left' },
      ],
      ranked.map(({ text, selector, target }) => [text, selectorWords(selector), targetWords(target)]),
    ),
    'a tensor goes by the first rule here that takes it; one that none takes, to node (layer mod nodes)',
  ].join('\n');
}

function rank({ selector }: Rule): number {
  return precedence.indexOf(selector.kind);
}

function selectorWords(selector: Selector): string {
  switch (selector.kind) {
    case 'any':
      return 'every weight';
    case 'name':
      return `tensors named ${selector.glob}`;
    case 'role':
      return `${selector.role} weights of every layer`;
    case 'layers':
      return layerWords(selector);
    case 'layers.role':
      return `${selector.role} weights of ${layerWords(selector)}`;
    default:
      return printSelector(selector satisfies never);
  }
}

function layerWords({ first, last }: { readonly first: number; readonly last: number }): string {
  return first === last ? `layer ${first}` : `layers ${first} to ${last}`;
}

function targetWords(target: Target): string {
  switch (target.kind) {
    case 'node':
      return `all of it on node ${target.node}`;
    case 'interleave':
      return `its pages in turn on ${nodeWords(target.nodes)}`;
    case 'weighted':
      return `its pages on ${target.weights.map(({ node, weight }) => `node ${node} (${weight})`).join(', ')}`;
    case 'rows':
      return `each worker's rows on the worker's own node, on ${nodeWords(target.nodes)}`;
    case 'cyclic':
      return `${target.slices} slices by rows, in turn on ${nodeWords(target.nodes)}`;
    default:
      return target satisfies never;
  }
}

function nodeWords(nodes: NodeSet): string {
  if (nodes === 'all') return 'all nodes';
  return `${nodes.length === 1 ? 'node' : 'nodes'} ${formatCpuList(nodes)}`;
}
