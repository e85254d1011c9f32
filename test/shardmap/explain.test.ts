// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest';
import { explainDocument } from '../../src/shardmap/explain.js';
import { parseShardMap } from '../../src/shardmap/parse.js';
import { resolveShardMap } from '../../src/shardmap/resolve.js';
import type { Placement } from '../../src/shardmap/types.js';
import { tinyModel } from './tiny-model.js';

const machine = { nodes: [0, 1], usableNodes: [0, 1], pageSize: 512 };

test('has the fields that other tools rely on', () => {
  const model = tinyModel();
  const document = explainDocument(resolveShardMap(parseShardMap('attn:1 , *:rows(all)'), model, machine));
  expect(document).toMatchObject({
    schema: 'numashard/map-explain/1',
    map: 'attn:node1,*:rows',
    pageSize: 512,
    localShareBound: expect.closeTo(0.715, 3),
  });
  expect(document.tensors).toHaveLength(model.tensors.length);
  expect(document.tensors[2]).toEqual({
    name: 'blk.0.attn_q.weight',
    rule: 'attn:1',
    target: 'node1',
    cut: 'rows',
    byteLength: 1024,
    ranges: [{ offset: 0, byteLength: 1024, node: 1 }],
  });
  expect(document.nodes.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(model.byteLength);
  expect(JSON.parse(JSON.stringify(document))).toEqual(document);
});

test('the fallback is named as such', () => {
  const document = explainDocument(resolveShardMap(parseShardMap('attn:1'), tinyModel(), machine));
  expect(document.tensors[0]).toMatchObject({ rule: null, target: 'node0' });
  expect(document.warnings[0]?.code).toBe('large-tensor-unnamed');
});

test('more ranges than a document can hold are left out, and it says so', () => {
  const resolution = resolveShardMap(parseShardMap('*:0'), tinyModel(), machine);
  const many = Array.from({ length: 600_000 }, (_, at) => ({ offset: at, byteLength: 1, node: at % 2 }));
  const placements = resolution.placements.slice(0, 3).map((placement, index): Placement => {
    return index < 2 ? { ...placement, ranges: many } : placement;
  });
  const { tensors } = explainDocument({ ...resolution, placements });
  expect(tensors.map(({ ranges, rangesOmitted }) => [ranges.length, rangesOmitted])).toEqual([
    [600_000, undefined],
    [0, true],
    [1, undefined],
  ]);
});
