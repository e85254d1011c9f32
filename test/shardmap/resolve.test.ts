// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/errors.js';
import { parseShardMap } from '../../src/shardmap/parse.js';
import { printShardMap } from '../../src/shardmap/print.js';
import { type ResolveOptions, resolveShardMap } from '../../src/shardmap/resolve.js';
import type { Resolution } from '../../src/shardmap/types.js';
import { checkShardMap } from '../../src/shardmap/warnings.js';
import * as arbitrary from './arbitrary.js';
import { tinyModel } from './tiny-model.js';

const machine = { nodes: [0, 8, 16], usableNodes: [0, 8] };
const options: ResolveOptions = { ...machine, pageSize: 256 };

function resolve(map: string, changes: Partial<ResolveOptions> = {}): Resolution {
  return resolveShardMap(parseShardMap(map), tinyModel(), { ...options, ...changes });
}

function expectRefusal(run: () => unknown, code: ErrorCode, message: RegExp): void {
  expect(run).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
}

describe('what is refused', () => {
  test('a map read without a machine names a node that this one lacks', () => {
    expectRefusal(() => resolve('norm:0,attn:node3'), 'map-node', /column 8, rule 'attn:node3'.*node 3/);
    expectRefusal(() => resolve('*:interleave(0,1)'), 'map-node', /node 1/);
    expectRefusal(() => resolve('*:rows(0,16)'), 'map-node', /node 16/);
    expectRefusal(() => resolve('*:rows', { usableNodes: [] }), 'map-node', /CPUs and memory/);
    expectRefusal(() => resolve('*:rows', { nodes: [] }), 'map-node', /no node with memory/);
  });

  test('shares on other nodes than the rows rules name', () => {
    const shares = [
      { node: 0, weight: 1 },
      { node: 16, weight: 1 },
    ];
    expectRefusal(() => resolve('norm:0,*:rows', { shares }), 'map-rows-nodes', /column 8.*0, 16.*0, 8/);
    expectRefusal(() => resolve('*:rows(0,8)', { shares: shares.slice(0, 1) }), 'map-rows-nodes', /0, 8/);
    expect(resolve('*:rows', { shares: shares.slice(0, 1) }).nodes[1]?.byteLength).toBe(0);
  });

  test('numbers that no machine has', () => {
    expectRefusal(() => resolve('*:0', { pageSize: 0 }), 'usage', /page size 0/);
    expectRefusal(() => resolve('*:rows', { workers: -1 }), 'usage', /workers -1/);
    expectRefusal(() => resolve('*:rows', { workers: 1e9 }), 'usage', /workers 1000000000/);
    expectRefusal(() => resolve('*:rows', { shares: [{ node: 0, weight: 0.5 }] }), 'usage', /shares 0.5/);
  });

  test('a map longer than its limit, and one with a terminal escape in it', () => {
    expectRefusal(() => parseShardMap('a'.repeat(1_048_577)), 'map-syntax', /1048577 bytes.*1048576/);
    expectRefusal(() => parseShardMap('\u001b[2J:1'), 'map-role', /'\?\[2J'/);
  });
});

test('hints name what was probably meant', () => {
  const hintOf = (map: string) => {
    try {
      parseShardMap(map, machine);
    } catch (error) {
      return (error as { hint?: string }).hint;
    }
    return undefined;
  };
  expect(hintOf('atn:1')).toBe("did you mean 'attn'?");
  expect(hintOf('expert:1')).toBe("did you mean 'experts'?");
  expect(hintOf('Attention:1')).toContain('attn');
  expect(hintOf('zzzz:1')).toContain('roles are');
  expect(hintOf('attn:interlaeve(0)')).toBe("did you mean 'interleave'?");
  expect(hintOf('attn:row')).toBe("did you mean 'rows'?");
  expect(hintOf('attn:node3')).toContain('0, 8, 16');
  expect(hintOf('attn:0,observe')).toContain('alone');
});

test('observe is the map without rules', () => {
  expect(parseShardMap('observe')).toEqual([]);
  expect(printShardMap([])).toBe('observe');
  expect(resolve('observe').warnings).toEqual([]);
});

test('printed maps read back the same', () => {
  const withoutText = (map: string) =>
    parseShardMap(map).map(({ selector, target }) => ({ selector, target }));
  fc.assert(
    fc.property(arbitrary.shardMap(machine), (rules) => {
      const text = printShardMap(rules);
      expect(withoutText(text)).toEqual(rules.map(({ selector, target }) => ({ selector, target })));
      expect(printShardMap(parseShardMap(text))).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test('every byte is placed once, on a node that the rule names, and counted', () => {
  fc.assert(
    fc.property(arbitrary.rangesCase(machine), ({ map, workers, pageSize }) => {
      const rules = parseShardMap(map);
      const model = { ...tinyModel(), blockCount: 1e9 };
      const { placements, nodes } = resolveShardMap(rules, model, { ...options, workers, pageSize });
      const sums = new Map(machine.nodes.map((node) => [node, 0]));
      for (const { tensor, ranges } of placements) {
        let reached = 0;
        let previous = -1;
        for (const { offset, byteLength, node } of ranges) {
          expect(offset).toBe(reached);
          expect(byteLength).toBeGreaterThan(0);
          expect(node).not.toBe(previous);
          sums.set(node, (sums.get(node) ?? Number.NaN) + byteLength);
          reached += byteLength;
          previous = node;
        }
        expect(reached).toBe(tensor.byteLength);
      }
      expect(nodes).toEqual([...sums].map(([id, byteLength]) => ({ id, byteLength })));
    }),
    { numRuns: 200 },
  );
});

test('without a model, overlaps and rules without effect are still found', () => {
  const codes = (map: string) =>
    checkShardMap(parseShardMap(map)).map(({ code, column }) => `${code} ${column}`);
  expect(codes('0-8:1,8-9:2')).toEqual(['rule-overlap 7']);
  expect(codes('0-8:1,3-5:2')).toEqual(['rule-never-wins 7', 'rule-overlap 7']);
  expect(codes('*:1,attn:2')).toEqual([]);
  expect(codes('ffn:1,experts:2,0-4.ffn:3')).toEqual([]);
  expect(codes('name=a*:1,name=a*:2')).toEqual(['rule-never-wins 11', 'rule-overlap 11']);
  expect(codes('0-8:node3,9-17:node2,18-25:node1,26-31:node0,attn:node3')).toEqual([]);
});
