// SPDX-License-Identifier: MIT
// `numashard place` on this machine: every page of a small model on the nodes there are.
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTopology } from '../../src/topology/read-topology.js';
import { type Folder, numashard, openFolder, tinyModelFile } from './numashard.js';

let folder: Folder;
let model: string;
const { nodes } = await readTopology();
const node = nodes[0]?.id ?? 0;

beforeAll(async () => {
  folder = openFolder();
  model = await tinyModelFile(folder);
  execFileSync('mkfifo', [folder.file('fifo')]);
});
afterAll(() => folder.remove());

describe('place', () => {
  it.each([
    ['without threads', () => ['place', model], 2, /required option '-t, --threads <n>'/],
    ['with threads that are no number', () => ['place', model, '-t', 'all'], 2, /not a whole number/],
    ['with no threads', () => ['place', model, '-t', '0'], 2, /--threads/],
    ['with a map that does not parse', () => ['place', model, '-t', '2', '--map', 'x'], 2, /column 1/],
    ['a missing file', () => ['place', folder.file('none'), '-t', '2'], 3, /none/],
    ['a FIFO', () => ['place', folder.file('fifo'), '-t', '2'], 3, /fifo/],
  ])('%s is refused', (_what, words, exitCode, message) => {
    const ended = numashard(words());
    expect(ended).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
    expect(ended.stderr).toMatch(/^hint: /m);
  });

  it('puts the page cache where the map says, and says how to start llama.cpp', () => {
    const { exitCode, stdout } = numashard(['place', model, '-t', '2', '--map', `*:node${node}`]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(`100.00 % where *:node${node} puts them`);
    expect(stdout).toContain('The pages lie as the map says');
    expect(stdout).not.toContain('--numa');
    const usual = numashard(['place', model, '-t', '2']).stdout;
    expect(usual).toContain(`llama-server -m ${model} --numa distribute -t 2 --no-repack`);
  });

  it('gives the promised fields', () => {
    const { stdout, stderr } = numashard(['place', model, '-t', '2', '--map', `*:node${node}`, '--json']);
    const document = JSON.parse(stdout);
    expect(stderr).toBe('');
    expect(document).toMatchObject({
      schema: 'numashard/place/1',
      pid: null,
      models: [{ id: 0, files: [model] }],
      map: `*:node${node}`,
      residency: 'page-cache',
      method: 'move_pages',
      threads: 'assumed',
      workers: [],
      other: [],
      placedBytes: 33_024,
      misplacedBytes: 0,
      absentBytes: 0,
      unknownBytes: 0,
    });
    expect(document.tensors[0]).toMatchObject({
      name: 'blk.0.attn_q.weight',
      byteLength: 16_384,
      misplacedBytes: 0,
      nodes: { [node]: 16_384 },
    });
    expect(document.tensors).toHaveLength(3);
  });

  it('lists every tensor where asked', () => {
    const { stdout } = numashard(['place', model, '-t', '1', '--tensors', '--map', `*:node${node}`]);
    for (const name of ['blk.0.attn_q.weight', 'blk.1.attn_q.weight', 'output_norm.weight']) {
      expect(stdout).toMatch(new RegExp(`^${name.replaceAll('.', '\\.')} `, 'm'));
    }
  });
});
