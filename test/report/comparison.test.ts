// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  type Comparison,
  groupByRole,
  localShare,
  nodesOf,
  renderComparison,
} from '../../src/report/comparison.js';
import { found, foundTensor } from './found.js';

const tensors = [
  foundTensor({ byteLength: 900, nodes: { 0: 900 }, rows: { byteLength: 900, localBytes: 300 } }),
  foundTensor({ role: 'attn', byteLength: 85, nodes: { 10: 85 }, rows: null }),
  foundTensor({ role: 'norm', byteLength: 9, nodes: { 2: 9 }, rows: null }),
  foundTensor({ role: 'router', byteLength: 6, nodes: { 2: 6 }, rows: { byteLength: 6, localBytes: 6 } }),
];
const flat = found({ tensors, rows: { byteLength: 906, localBytes: 306 }, balance: 2.7 });
const comparison: Comparison = {
  title: 'Where m.gguf lies',
  subtitle: 'a machine',
  runs: [
    { name: 'llama.cpp', command: 'llama-bench -t 4', seconds: 1, found: flat },
    { name: 'numashard', command: 'numashard run -- llama-bench -t 4', seconds: 1, found: found() },
  ],
};

describe('groupByRole', () => {
  it('puts small roles together, and loses nothing', () => {
    expect(groupByRole(flat)).toEqual([
      { role: 'ffn', byteLength: 900, onNode: { 0: 900 }, rows: { byteLength: 900, localBytes: 300 } },
      { role: 'attn', byteLength: 85, onNode: { 10: 85 }, rows: { byteLength: 0, localBytes: 0 } },
      { role: 'other', byteLength: 15, onNode: { 2: 15 }, rows: { byteLength: 6, localBytes: 6 } },
    ]);
  });
});

it('localShare is 0 where no rows have owners', () => {
  expect(localShare(flat)).toBeCloseTo(306 / 906);
  expect(localShare(found({ rows: { byteLength: 0, localBytes: 0 } }))).toBe(0);
});

it('nodesOf are all nodes of all runs, in the order of their numbers', () => {
  expect(nodesOf(comparison.runs)).toEqual(['0', '2', '8', '10']);
});

it('renderComparison has a line a run, then a table a run', () => {
  const lines = renderComparison(comparison).split('\n');
  const cells = lines.map((line) => line.trim().split(/ {2,}/));
  expect(cells).toContainEqual(['rows read locally', 'node 0', 'node 2', 'node 8', 'node 10', 'balance']);
  expect(cells).toContainEqual(['llama.cpp', '33.77 %', '90.00 %', '1.50 %', '0.00 %', '8.50 %', '2.70']);
  expect(cells).toContainEqual(['numashard', '100.00 %', '50.00 %', '0.00 %', '50.00 %', '0.00 %', '1.00']);
  expect(lines).toContain('llama.cpp: llama-bench -t 4');
  expect(lines).toContain("  each worker's rows local to it (worker→node): 0→0 100.00 %  1→? 50.00 %");
  expect(cells).toContainEqual(['attn', '0.00 %', '0.00 %', '0.00 %', '100.00 %', '–']);
});
