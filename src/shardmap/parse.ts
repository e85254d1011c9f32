// SPDX-License-Identifier: MIT
// Text of GGML_NUMA_SHARD_MAP to rules. Grammar: docs/shard-maps.md; the native header reads the same
// language and points at the same columns (test/cases/shardmap.json).
import { NumashardError } from '../errors.js';
import { maxListedNodes, maxMapByteLength, observeWord } from './limits.js';
import { nodesOf } from './nodes-of.js';
import { parseSelector } from './parse-selector.js';
import { parseTarget } from './parse-target.js';
import { type RuleText, refuse, splitRules } from './rule-text.js';
import type { MachineNodes, Rule, ShardMap } from './types.js';

/** Whether the text is the word that stands instead of a map: announce and report, change nothing. */
export function isObserve(text: string): boolean {
  return /^[ \t\r\n]*observe[ \t\r\n]*$/.test(text);
}

/** Whether a rule gives rows to nodes, so that it matters which worker runs where. */
export function usesRows(text: string): boolean {
  return parseShardMap(text).some(({ target }) => target.kind === 'rows');
}

/**
 * Reads a map; `observe` is the empty one. With a machine, nodes are checked against it. Throws `map-syntax`,
 * `map-role`, `map-node`, `map-range`, `map-empty-rule` or `map-rows-nodes`, first place from the left.
 */
export function parseShardMap(text: string, machine?: MachineNodes): ShardMap {
  refuseLong(text);
  if (isObserve(text)) return [];
  const rules: Rule[] = [];
  let rows: Rule | undefined;
  let listed = 0;
  for (const source of splitRules(text)) {
    const rule = parseRule(source, machine);
    listed += nodesOf(rule.target, machine ?? unknownMachine).length;
    if (listed > maxListedNodes) {
      const problem = `more nodes than all rules together may list, ${maxListedNodes}`;
      throw refuse(source, source.start, 'map-syntax', problem, 'write fewer rules or shorter lists');
    }
    if (rule.target.kind === 'rows') {
      rows ??= rule;
      refuseOtherRows(source, rule, rows, machine);
    }
    rules.push(rule);
  }
  return rules;
}

/** Before the machine is known, `all` lists nothing. */
const unknownMachine: MachineNodes = { nodes: [], usableNodes: [] };

function refuseLong(text: string): void {
  const byteLength = Buffer.byteLength(text);
  if (byteLength <= maxMapByteLength) return;
  const message = `shard map, column 1: ${byteLength} bytes of text, the limit is ${maxMapByteLength}`;
  throw new NumashardError('map-syntax', message, { exitCode: 2 });
}

function parseRule(source: RuleText, machine: MachineNodes | undefined): Rule {
  const { map, start, end, column } = source;
  const colon = map.indexOf(':', start);
  if (colon === -1 || colon >= end) {
    const alone = map.slice(start, end) === observeWord;
    const hint = alone ? "'observe' stands alone, not among rules" : 'for example attn:node0 or *:rows';
    throw refuse(source, start, 'map-syntax', 'not of the form selector:target', hint);
  }
  const selector = parseSelector(source, start, colon);
  const target = parseTarget(source, colon + 1, machine);
  return { selector, target, text: map.slice(start, end), column };
}

/** A worker has one home, so every `rows` rule names the nodes that the first one names. */
function refuseOtherRows(source: RuleText, rule: Rule, first: Rule, machine: MachineNodes | undefined): void {
  const ours = rowsNodes(first, machine);
  const theirs = rowsNodes(rule, machine);
  if (ours === undefined || theirs === undefined) return;
  if (theirs.length === ours.length && theirs.every((node) => ours.includes(node))) return;
  const problem = `other nodes than the rows rule at column ${first.column}: a worker has one home`;
  throw refuse(source, source.start, 'map-rows-nodes', problem, `write ${first.text} and this one alike`);
}

/** Undefined while `all` cannot be known. */
function rowsNodes({ target }: Rule, machine: MachineNodes | undefined): readonly number[] | undefined {
  if (target.kind !== 'rows') return undefined;
  if (machine === undefined) return target.nodes === 'all' ? undefined : target.nodes;
  return nodesOf(target, machine);
}
