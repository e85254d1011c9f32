// SPDX-License-Identifier: MIT
// nodes = as numactl writes them: 0-3, 0,2, all; checked against the machine where one is given.
import { maxNodes } from './limits.js';
import { nodesOf } from './nodes-of.js';
import { readNumber } from './read-number.js';
import { excerpt, type RuleText, refuse } from './rule-text.js';
import type { MachineNodes, NodeSet, Target } from './types.js';

/** The nodes of one rule, each accepted once. `at` is where a complaint points. */
export interface KnownNodes {
  add(node: number, at: number): void;
  all(at: number): 'all';
  list(start: number, end: number): NodeSet;
}

export function knowNodes(
  rule: RuleText,
  machine: MachineNodes | undefined,
  kind: Target['kind'],
): KnownNodes {
  const seen = new Set<number>();

  function add(node: number, at: number): void {
    if (node >= maxNodes) throw refuse(rule, at, 'map-node', `node ids end at ${maxNodes - 1}`);
    if (seen.has(node)) {
      const hint = kind === 'interleave' ? 'weighted(0=2,1=1) puts more on a node' : undefined;
      throw refuse(rule, at, 'map-node', `node ${node} stands there twice`, hint);
    }
    seen.add(node);
    const problem = machine && problemOf(node, machine, kind);
    if (problem) throw refuse(rule, at, 'map-node', problem.text, problem.hint);
  }

  function all(at: number): 'all' {
    if (
      machine &&
      nodesOf({ kind: kind === 'interleave' ? kind : 'rows', nodes: 'all' }, machine).length === 0
    ) {
      throw refuse(rule, at, 'map-node', 'no node of this machine has both CPUs and memory');
    }
    return 'all';
  }

  function list(start: number, end: number): NodeSet {
    const { map } = rule;
    if (map.slice(start, end) === 'all') return all(start);
    const nodes: number[] = [];
    for (let at = start; ; at++) {
      const first = readNumber(map, at, end);
      if (first.value < 0)
        throw refuse(rule, at, 'map-syntax', "a node number or 'all' is missing here", nodesHint);
      const isRange = first.next < end && map[first.next] === '-';
      const last = isRange ? readNumber(map, first.next + 1, end) : first;
      if (last.value < 0)
        throw refuse(rule, last.next, 'map-syntax', "a node number is missing after '-'", nodesHint);
      if (last.next < end && map[last.next] !== ',') {
        const problem = `unexpected '${excerpt(map[last.next] ?? '')}' among the nodes`;
        throw refuse(rule, last.next, 'map-syntax', problem, nodesHint);
      }
      if (last.value < first.value) throw refuse(rule, at, 'map-node', 'nodes run backwards', nodesHint);
      for (let node = first.value; node <= last.value; node++) {
        add(node, at);
        nodes.push(node);
      }
      at = last.next;
      if (at >= end) return nodes;
    }
  }

  return { add, all, list };
}

const nodesHint = 'nodes are written as for numactl: 0-3, 0,2 or all';

function problemOf(
  node: number,
  { nodes, usableNodes }: MachineNodes,
  kind: Target['kind'],
): { text: string; hint: string } | undefined {
  if (!nodes.includes(node)) {
    return {
      text: `this machine has no node ${node} with memory`,
      hint: `nodes with memory: ${nodes.join(', ')}`,
    };
  }
  if (kind === 'rows' && !usableNodes.includes(node)) {
    return {
      text: `node ${node} has no CPUs, so no worker reads there`,
      hint: `nodes with CPUs and memory: ${usableNodes.join(', ')}`,
    };
  }
  return undefined;
}
