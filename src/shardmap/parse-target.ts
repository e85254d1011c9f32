// SPDX-License-Identifier: MIT
// target = ["node"] K | "interleave(" nodes ")" | "weighted(" K "=" W … ")" | "rows" ["(" nodes ")"]
//        | "cyclic(" N ["," nodes] ")"
import { maxSlices, maxWeight, targetWords } from './limits.js';
import { type KnownNodes, knowNodes } from './parse-nodes.js';
import { isDigit, readNumber } from './read-number.js';
import { excerpt, type RuleText, refuse } from './rule-text.js';
import { suggest } from './suggest.js';
import type { MachineNodes, Target } from './types.js';

/** Reads the rule's text from `start`, after the colon, to its end. */
export function parseTarget(rule: RuleText, start: number, machine: MachineNodes | undefined): Target {
  const { map, end } = rule;
  if (start === end) throw refuse(rule, start, 'map-syntax', "no target after ':'", targetHint);
  if (isDigit(map[start]) || map.startsWith('node', start)) return parseNode(rule, start, machine);
  const open = map.slice(start, end).indexOf('(') + start;
  const hasList = open >= start;
  const word = map.slice(start, hasList ? open : end);
  const kind = targetWords.find((known) => known === word);
  if (kind === undefined) throw unknownTarget(rule, start, word);
  const known = knowNodes(rule, machine, kind);
  if (!hasList) {
    if (kind === 'rows') return { kind, nodes: known.all(start) };
    throw refuse(rule, end, 'map-syntax', "'(' is missing here", `for example ${examples[kind]}`);
  }
  const close = map.slice(open, end).indexOf(')') + open;
  if (close < open) throw refuse(rule, open, 'map-syntax', "this '(' is not closed");
  if (close + 1 < end) {
    throw refuse(rule, close + 1, 'map-syntax', `unexpected '${excerpt(map[close + 1] ?? '')}' after ')'`);
  }
  switch (kind) {
    case 'interleave':
    case 'rows':
      return { kind, nodes: known.list(open + 1, close) };
    case 'weighted':
      return { kind, weights: parseWeights(rule, open + 1, close, known) };
    case 'cyclic':
      return parseCyclic(rule, open + 1, close, known);
    default:
      return kind satisfies never;
  }
}

const targetHint =
  'targets are a node (node0), interleave(0-3), weighted(0=2,1=1), rows, rows(0-3) or cyclic(16)';

const examples = {
  interleave: 'interleave(all)',
  weighted: 'weighted(0=2,1=1)',
  cyclic: 'cyclic(16)',
} as const;

function unknownTarget(rule: RuleText, start: number, word: string): Error {
  const near = suggest(word, targetWords);
  const hint = near === undefined ? targetHint : `did you mean '${near}'?`;
  return refuse(rule, start, 'map-syntax', `unknown target '${excerpt(word)}'`, hint);
}

/** ["node"] K */
function parseNode(rule: RuleText, start: number, machine: MachineNodes | undefined): Target {
  const { map, end } = rule;
  const at = isDigit(map[start]) ? start : start + 4;
  const { value, next } = readNumber(map, at, end);
  if (value < 0) throw refuse(rule, at, 'map-syntax', 'a node number is missing here', 'for example node0');
  if (next < end) {
    throw refuse(rule, next, 'map-syntax', `unexpected '${excerpt(map[next] ?? '')}' after the node`);
  }
  knowNodes(rule, machine, 'node').add(value, at);
  return { kind: 'node', node: value };
}

/** K "=" W *("," K "=" W) */
function parseWeights(
  rule: RuleText,
  start: number,
  end: number,
  known: KnownNodes,
): { node: number; weight: number }[] {
  const { map } = rule;
  const weights = [];
  for (let at = start; ; at++) {
    const node = readNumber(map, at, end);
    if (node.value < 0) throw refuse(rule, at, 'map-syntax', 'a node number is missing here');
    if (node.next >= end || map[node.next] !== '=') {
      throw refuse(rule, node.next, 'map-syntax', "'=' and a weight are missing here", 'for example 0=2,1=1');
    }
    const weight = readNumber(map, node.next + 1, end);
    if (weight.value < 1 || weight.value > maxWeight) {
      throw refuse(rule, node.next + 1, 'map-syntax', `a weight is an integer from 1 to ${maxWeight}`);
    }
    if (weight.next < end && map[weight.next] !== ',') {
      const unexpected = excerpt(map[weight.next] ?? '');
      throw refuse(rule, weight.next, 'map-syntax', `unexpected '${unexpected}' after the weight`);
    }
    known.add(node.value, at);
    weights.push({ node: node.value, weight: weight.value });
    at = weight.next;
    if (at >= end) return weights;
  }
}

/** N ["," nodes] */
function parseCyclic(rule: RuleText, start: number, end: number, known: KnownNodes): Target {
  const { value: slices, next } = readNumber(rule.map, start, end);
  if (slices < 1 || slices > maxSlices) {
    throw refuse(rule, start, 'map-syntax', `the number of slices is an integer from 1 to ${maxSlices}`);
  }
  if (next === end) return { kind: 'cyclic', slices, nodes: known.all(start) };
  if (rule.map[next] !== ',') {
    const unexpected = excerpt(rule.map[next] ?? '');
    throw refuse(rule, next, 'map-syntax', `unexpected '${unexpected}' after the number of slices`);
  }
  return { kind: 'cyclic', slices, nodes: known.list(next + 1, end) };
}
