// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { renderTensors, renderVerification } from '../../src/report/verify-table.js';
import { found, foundTensor } from './found.js';

const norm = foundTensor({
  name: 'output_norm.weight',
  role: 'norm',
  byteLength: 4096,
  nodes: { 10: 2048 },
  absentBytes: 1024,
  unknownBytes: 1024,
  rows: null,
});

describe('renderTensors', () => {
  it('has a line a tensor and a column a node, in the order of their numbers', () => {
    expect(renderTensors([foundTensor(), norm])).toBe(
      [
        'tensor                   size   node 0   node 8  node 10  misplaced    unseen  rows local',
        'blk.0.ffn_up.weight  1.00 MiB  50.00 %  50.00 %   0.00 %        0 B       0 B    100.00 %',
        'output_norm.weight   4.00 KiB   0.00 %   0.00 %  50.00 %        0 B  2.00 KiB           –',
      ].join('\n'),
    );
  });
});

describe('renderVerification', () => {
  it('adds up roles', () => {
    const remote = foundTensor({
      misplacedBytes: 2 ** 19,
      nodes: { 0: 2 ** 20 },
      rows: { byteLength: 2 ** 20, localBytes: 2 ** 19 },
    });
    const text = renderVerification(found({ tensors: [foundTensor(), remote, norm] }), 'roles');
    const [titles, ffn] = text.split('\n').map((line) => line.split(/ {2,}/));
    expect(titles).toEqual([
      'role',
      'size',
      'node 0',
      'node 8',
      'node 10',
      'misplaced',
      'unseen',
      'rows local',
    ]);
    expect(ffn).toEqual(['ffn', '2.00 MiB', '75.00 %', '25.00 %', '0.00 %', '512 KiB', '0 B', '75.00 %']);
  });

  it('says what was asked and found, without rounding up', () => {
    const text = renderVerification(found({ misplacedBytes: 1 }), 'tensors');
    expect(text).toContain('1.00 MiB in 1 tensor: 99.99 % where *:rows puts them (bound 99.99 %)');
    expect(text).toContain('100.00 % of all rows on the node of their worker, balance 1.00');
    expect(text).toContain('workers → nodes, their rows local: 0→0 100.00 % 1→? 50.00 %');
    expect(text).toContain("worst: 50.00 % of worker 1's rows of blk.0.ffn_up.weight local");
  });

  it('tells several models apart', () => {
    const models = [
      { id: 0, files: ['/models/a.gguf'] },
      { id: 3, files: [] },
    ];
    const tensors = [foundTensor(), foundTensor({ model: 3, misplacedBytes: 2 ** 19 })];
    const lines = renderVerification(found({ models, tensors }), 'roles').split('\n');
    expect(lines).toContain('model 0: /models/a.gguf: 1.00 MiB, 100.00 % right');
    expect(lines).toContain('model 3: file unknown: 1.00 MiB, 50.00 % right');
    expect(renderVerification(found(), 'roles')).not.toContain('model 0');
  });

  it('under observe claims no placement', () => {
    const text = renderVerification(found({ map: ' observe ', workers: [], worstRows: null }), 'roles');
    expect(text).toContain('(observed, nothing changed)');
    expect(text).not.toContain('puts them');
    expect(text).toContain('workers → nodes, their rows local: none seen');
    expect(text).not.toContain('worst');
  });

  it('lists buffers, what is not in host memory, and warnings', () => {
    const other = [
      {
        name: 'kv',
        buffer: 'CPU',
        address: 0,
        byteLength: 8192,
        inHostMemory: true,
        nodes: { 0: 4096, 1: 4096 },
      },
      {
        name: 'output.weight',
        buffer: 'CUDA0',
        address: null,
        byteLength: 0,
        inHostMemory: false,
        nodes: {},
      },
    ];
    const warnings = [{ code: 'node-full', message: '7 bytes went elsewhere' }];
    const lines = renderVerification(found({ other, warnings }), 'roles').split('\n');
    const cells = lines.map((line) => line.split(/ {2,}/));
    expect(cells).toContainEqual(['buffer', 'kind', 'size', 'node 0', 'node 1']);
    expect(cells).toContainEqual(['kv', 'CPU', '8.00 KiB', '50.00 %', '50.00 %']);
    expect(cells).toContainEqual(['output.weight', 'CUDA0 (not in host memory)', '0 B', '–', '–']);
    expect(lines).toContain('warning: 7 bytes went elsewhere (node-full)');
  });
});
