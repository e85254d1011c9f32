// SPDX-License-Identifier: MIT
// What rules take without a model, against a slow answer that tries every role in every layer; and maps of ten
// thousand rules, which would run into the tests' time limit if anything grew by their square.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { roles } from '../../src/shardmap/limits.js';
import { parseShardMap } from '../../src/shardmap/parse.js';
import { resolveShardMap } from '../../src/shardmap/resolve.js';
import { reachInAnyModel, reachInModel } from '../../src/shardmap/rule-reach.js';
import type { ShardMap } from '../../src/shardmap/types.js';
import { checkShardMap } from '../../src/shardmap/warnings.js';
import * as arbitrary from './arbitrary.js';
import { largeMaps } from './large-maps.js';
import { tinyModel } from './tiny-model.js';

const machine = { nodes: [0, 1, 2, 3], usableNodes: [0, 1, 2, 3], pageSize: 4096 };

/** Every role in each layer where a rule begins, and behind each where one ends; outside the layers; each glob. */
function everySubject(map: ShardMap) {
  const layers = new Set<number | null>([null]);
  const names = [''];
  for (const { selector } of map) {
    if (selector.kind === 'name') names.push(selector.glob);
    if (selector.kind === 'layers' || selector.kind === 'layers.role')
      layers.add(selector.first).add(selector.last + 1);
  }
  const unnamed = [...layers].flatMap((layer) => roles.map((role) => ({ name: '', layer, role })));
  return [...unnamed, ...names.map((name) => ({ name, layer: null, role: 'other' as const }))];
}

test('what a rule takes in any model is what trying all of them says', () => {
  let overlaps = 0;
  fc.assert(
    fc.property(arbitrary.shardMap(machine), (rules) => {
      const slow = reachInModel(rules, everySubject(rules)).rules;
      const fast = reachInAnyModel(rules);
      expect(fast.map(({ matched, won, overlap }) => [matched, won, overlap !== undefined])).toEqual(
        slow.map(({ matched, won, overlap }) => [matched, won, overlap !== undefined]),
      );
      overlaps += fast.filter(({ overlap }) => overlap).length;
    }),
    { numRuns: 1000 },
  );
  expect(overlaps).toBeGreaterThan(100);
});

describe('ten thousand rules', () => {
  for (const [name, { map: text, overlaps }] of Object.entries(largeMaps)) {
    test(name, () => {
      const map = parseShardMap(text, machine);
      expect(map).toHaveLength(10_000);
      expect(checkShardMap(map).filter(({ code }) => code === 'rule-overlap')).toHaveLength(overlaps);
      const model = { ...tinyModel(), blockCount: 20_000 };
      const { placements, warnings } = resolveShardMap(map, model, machine);
      expect(placements).toHaveLength(model.tensors.length);
      expect(warnings.length).toBeGreaterThan(0);
    });
  }
});

test('what one rule too many would list, and ten megabytes of text, are refused', () => {
  const wide = { nodes: Array.from({ length: 1024 }, (_, id) => id), usableNodes: [0] };
  const listing = (count: number) => Array.from({ length: count }, () => '*:interleave(0-1023)').join(',');
  expect(parseShardMap(listing(1024), wide)).toHaveLength(1024);
  expect(() => parseShardMap(listing(1025), wide)).toThrow(/column 21505, rule .*1048576/);
  expect(() => parseShardMap(listing(1025))).toThrow(/column 21505, rule .*1048576/);
  expect(() => parseShardMap('attn:1,'.repeat(1_500_000))).toThrow(
    /10500000 bytes of text, the limit is 1048576/,
  );
});
