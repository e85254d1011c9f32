// SPDX-License-Identifier: MIT
import { expect, test } from 'vitest';
import { renderExplain } from '../../src/report/map-table.js';
import { explainDocument } from '../../src/shardmap/explain.js';
import { parseShardMap } from '../../src/shardmap/parse.js';
import { resolveShardMap } from '../../src/shardmap/resolve.js';
import { tinyModel } from '../shardmap/tiny-model.js';

const machine = { nodes: [0, 1], usableNodes: [0, 1], pageSize: 4096 };

function render(map: string): string {
  return renderExplain(explainDocument(resolveShardMap(parseShardMap(map), tinyModel(), machine)));
}

test('shows rules, nodes, bound and balance', () => {
  const text = render('attn:1,*:0');
  expect(text).toMatch(/^map {6}attn:node1,\*:node0$/m);
  expect(text).toMatch(/^bound .*% local at best with pages of 4 KiB$/m);
  expect(text).toMatch(/^balance {2}1\.\d\d \(1 is even, over 2 nodes\)$/m);
  expect(text).toMatch(/^attn:1 +4 +0\.00 +\d+\.\d$/m);
  expect(text).toMatch(/^1 +0\.00 +\d+\.\d$/m);
  expect(text).not.toContain('warning');
});

test('shows warnings with their codes, and the fallback', () => {
  const text = render('attn:1');
  expect(text).toContain('(round robin by layer)');
  expect(text).toMatch(/^warning: .*output\.weight.*\[large-tensor-unnamed\]$/m);
});

test('lets no glob move the cursor', () => {
  const text = render('name=\u001b[2J:0,*:1');
  expect(text).not.toContain('\u001b');
  expect(text).toMatch(/^map {6}name=\\u\{1b\}\[2J:node0,/m);
});
