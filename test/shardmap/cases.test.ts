// SPDX-License-Identifier: MIT
// The shared table of cases against TypeScript; c-parity.test.ts holds the C header against the same table.
import { afterAll, describe, expect, test } from 'vitest';
import { NumashardError } from '../../src/errors.js';
import { homeShare } from '../../src/shardmap/cut.js';
import { parseShardMap } from '../../src/shardmap/parse.js';
import { resolveShardMap } from '../../src/shardmap/resolve.js';
import { answerFind, answerParse, answerRanges, machineOf, parseSharesText, table } from './case-lines.js';
import { tinyModel } from './tiny-model.js';

let ran = 0;
afterAll(() => console.log(`shardmap.json: ${ran} cases in TypeScript`));

const machine = { nodes: [0, 1, 2, 3], usableNodes: [0, 1, 2, 3], pageSize: 4096 };

test('errors come with the code, the column and the rule', () => {
  for (const c of table.errors) {
    expect(`${c.map} → ${answerParse(c)}`).toBe(`${c.map} → error ${c.code} ${c.column}`);
    ran++;
  }
});

test('maps are read, and printed in one spelling that reads back the same', () => {
  for (const c of table.parse) {
    expect(answerParse(c)).toBe(`ok ${c.print}`);
    expect(answerParse({ ...c, map: c.print })).toBe(`ok ${c.print}`);
    ran++;
  }
});

test('a rule keeps its text and its column', () => {
  const [, rule] = parseShardMap('attn:1 ,  0-3.ffn:rows(0-1) ', machine);
  expect(rule).toEqual({
    selector: { kind: 'layers.role', first: 0, last: 3, role: 'ffn' },
    target: { kind: 'rows', nodes: [0, 1] },
    text: '0-3.ffn:rows(0-1)',
    column: 11,
  });
});

test('the rule that wins', () => {
  for (const c of table.find) {
    const answer = answerFind(c);
    const rules = parseShardMap(c.map, machineOf(c));
    const expected = rules.find(({ text }) => text === c.rule || text.startsWith(`${c.rule}:`));
    expect(`${c.map} ${c.name} ${answer.split(' ').slice(2).join(' ')}`).toBe(
      `${c.map} ${c.name} ${expected?.text ?? '-'}`,
    );
    ran++;
  }
});

test('the ranges of a tensor', () => {
  for (const c of table.ranges) {
    const expected = c.ranges
      .map(([offset, byteLength, node]) => ` ${offset}+${byteLength}@${node}`)
      .join('');
    expect(`${c.map} ${c.name} ${answerRanges(c).replace(/^\S+/, '')}`).toBe(
      `${c.map} ${c.name} ${expected}`,
    );
    ran++;
  }
});

test('the home of each worker', () => {
  for (const { shares, workers, homes } of table.homes) {
    const found = homes.map((_, worker) => homeShare(parseSharesText(shares), worker, workers));
    expect(found, shares).toEqual(homes);
    ran++;
  }
});

describe('against a model', () => {
  test('warnings', () => {
    for (const { map, warnings } of table.warnings) {
      const found = resolveShardMap(parseShardMap(map, machine), tinyModel(), machine).warnings;
      expect({ map, warnings: found.map(({ code, column }) => ({ code, column })) }).toEqual({
        map,
        warnings,
      });
      ran++;
    }
  });

  test('layers past the last', () => {
    for (const { map, column } of table.pastLast) {
      const resolve = () => resolveShardMap(parseShardMap(map, machine), tinyModel(), machine);
      expect(resolve, map).toThrow(NumashardError);
      expect(resolve, map).toThrow(expect.objectContaining({ code: 'map-range' }));
      expect(resolve, map).toThrow(new RegExp(`column ${column}, rule`));
      ran++;
    }
  });
});
