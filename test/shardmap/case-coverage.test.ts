// SPDX-License-Identifier: MIT
// The shared table is complete: every production, every pair of precedence, every code, wherever a rule can stand.
import { describe, expect, test } from 'vitest';
import { precedence } from '../../src/shardmap/find-rule.js';
import { roles, targetWords } from '../../src/shardmap/limits.js';
import { parseShardMap } from '../../src/shardmap/parse.js';
import type { MapWarningCode } from '../../src/shardmap/types.js';
import { machineOf, table } from './case-lines.js';

const positions = ['first', 'middle', 'last'] as const;
type Position = (typeof positions)[number];

/** Of a column in a map of three rules or more; these maps have a comma in no name. */
function positionOf(map: string, column: number): Position | undefined {
  let depth = 0;
  let rule = 0;
  let found = 0;
  for (const [index, character] of Array.from(map).entries()) {
    if (index === column - 1) found = rule;
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ',' && depth === 0) rule++;
  }
  if (column > Array.from(map).length) found = rule;
  if (rule < 2) return undefined;
  return found === 0 ? 'first' : found === rule ? 'last' : 'middle';
}

/** The grammar's alternatives, as they are written. */
const productions: Record<string, RegExp> = {
  'layers = N': /^\d+:/,
  'layers = N-M': /^\d+-\d+:/,
  'selector = layers.role': /^\d+\.[a-z]+:/,
  'selector = layers.role of a range': /^\d+-\d+\.[a-z]+:/,
  'selector = name=': /^name=/,
  'selector = *': /^\*:/,
  ...Object.fromEntries(roles.map((role) => [`selector = ${role}`, new RegExp(`^${role}:`)])),
  'target = K': /:\d+$/,
  'target = node K': /:node\d+$/,
  'target = rows': /:rows$/,
  'target = rows(nodes)': /:rows\(.+\)$/,
  'target = interleave(nodes)': /:interleave\(.+\)$/,
  'target = weighted(K=W)': /:weighted\(\d+=\d+\)$/,
  'target = weighted(K=W,…)': /:weighted\(\d+=\d+,.+\)$/,
  'target = cyclic(N)': /:cyclic\(\d+\)$/,
  'target = cyclic(N,nodes)': /:cyclic\(\d+,.+\)$/,
  'nodes = all': /\(all\)$|,all\)$/,
  'nodes = 0-3': /\(\d+-\d+\)$/,
  'nodes = 0,2': /\(\d+,\d+\)$/,
  'nodes = 3,0-1': /\(\d+,\d+-\d+\)$/,
};

describe('shardmap.json', () => {
  test.each(Object.entries(productions))('reads %s as first, middle and last rule', (_, pattern) => {
    const found = table.parse.flatMap(({ map, machine }) => {
      const rules = parseShardMap(map, machineOf({ map, machine }));
      if (rules.length < 3) return [];
      return rules.filter(({ text }) => pattern.test(text)).map(({ column }) => positionOf(map, column));
    });
    expect(new Set(found)).toEqual(new Set(positions));
  });

  test('knows every target word of the grammar', () => {
    for (const word of targetWords) expect(Object.keys(productions).join()).toContain(`target = ${word}`);
  });

  test('has white space around rules, and `observe`', () => {
    expect(table.parse.filter(({ map }) => /\s,|,\s/.test(map)).length).toBeGreaterThanOrEqual(2);
    expect(table.parse.filter(({ print }) => print === 'observe').length).toBeGreaterThanOrEqual(2);
  });

  const pairs = precedence.flatMap((strong, index) =>
    precedence.slice(index).map((weak) => [strong, weak] as const),
  );
  test.each(pairs)('lets %s win over %s, wherever it stands', (strong, weak) => {
    const found = new Set<Position | undefined>();
    let weakFirst = 0;
    for (const { map, machine, rule } of table.find) {
      const rules = parseShardMap(map, machineOf({ map, machine }));
      if (rules.length !== 3 || rule === null) continue;
      const winner = rules.find(({ text }) => text.startsWith(`${rule}:`) || text === rule);
      const other = rules.find((one) => one !== winner && one.selector.kind === weak && /:2$/.test(one.text));
      if (winner?.selector.kind !== strong || other === undefined) continue;
      if (other.column < winner.column) weakFirst++;
      found.add(positionOf(map, winner.column));
    }
    if (strong !== weak) expect(weakFirst).toBeGreaterThanOrEqual(2);
    // Among equals the first wins, which is never the last.
    expect(found).toEqual(new Set(strong === weak ? positions.slice(0, 2) : positions));
  });

  /** Where a code cannot point: it speaks of a rule and one before it, or of no rule. */
  const impossible: Record<string, readonly Position[]> = {
    'map-rows-nodes': ['first'],
    'rule-overlap': ['first'],
    'large-tensor-unnamed': ['middle', 'last'],
  };

  const errorCodes = ['map-syntax', 'map-role', 'map-node', 'map-range', 'map-empty-rule', 'map-rows-nodes'];
  test.each(errorCodes)('has %s twice at the first, a middle and the last rule', (code) => {
    expectEverywhere(
      code,
      table.errors.filter((c) => c.code === code),
    );
  });

  const warningCodes: Record<MapWarningCode, true> = {
    'rule-overlap': true,
    'rule-never-wins': true,
    'rule-matches-nothing': true,
    'large-tensor-unnamed': true,
  };
  test.each(Object.keys(warningCodes))('has %s twice at the first, a middle and the last rule', (code) => {
    const found = table.warnings.flatMap(({ map, warnings }) =>
      warnings.filter((warning) => warning.code === code).map(({ column }) => ({ map, column })),
    );
    expectEverywhere(code, found);
  });

  test('has no code that these tests do not know', () => {
    for (const { code } of table.errors) expect(errorCodes).toContain(code);
  });

  test('has layers past the last at the first, a middle and the last rule', () => {
    expectEverywhere('map-range', table.pastLast, 1);
  });

  function expectEverywhere(
    code: string,
    cases: readonly { map: string; column: number }[],
    least = 2,
  ): void {
    for (const position of positions) {
      const count = cases.filter(({ map, column }) => positionOf(map, column) === position).length;
      if (impossible[code]?.includes(position)) expect(count, `${code}, ${position}`).toBe(0);
      else expect(count, `${code}, ${position}`).toBeGreaterThanOrEqual(least);
    }
  }
});
