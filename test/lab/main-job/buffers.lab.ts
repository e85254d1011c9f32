// SPDX-License-Identifier: MIT
// What is not the common case of mapped weights: weights that llama.cpp loads into memory of its own, KV and
// compute buffers; and a control in which every node of the map is really another one.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { Figures, percent } from './figures.js';
import { bootWithModels, oneToken, prepareCache, readModel, runVerified, said } from './guest.js';
import { judge, rowOwners } from './judge.js';

const model = 'moe-q4_K_M';
const nodes = 4;
const threads = 4;
const figures = new Figures('buffers');
let machine: LabMachine;

beforeAll(async () => {
  machine = await bootWithModels([model]);
});

afterAll(async () => {
  figures.save();
  await machine?.stop();
});

const bench = ['llama-bench', '-m', `/models/${model}.gguf`, '-t', `${threads}`, ...oneToken];

describe('numashard run', () => {
  it('places weights that are not mapped, and interleaves the KV cache', async () => {
    const { tensors } = await readModel(model);
    await prepareCache(machine, model, 'warm');
    const { report, result } = await runVerified(machine, [...bench, '-lm', 'none']);
    expect(result.exitCode, said(result)).toBe(0);
    const judged = judge(report, tensors, rowOwners(threads, nodes), nodes);
    const line = `${model} -lm none: ${percent(judged.right)} right (bound ${percent(judged.bound)}), rows ${percent(judged.local)} local`;
    figures.add(line, { ...judged });
    expect(judged.right, line).toBeGreaterThanOrEqual(0.995);
    expect(judged.worst.local, line).toBeGreaterThanOrEqual(0.98);
    expect(report).toMatchObject({ faults: [], absentBytes: 0, unknownBytes: 0 });

    const { other } = report as unknown as { other: { name: string; nodes: Record<string, number> }[] };
    expect(other.map(({ name }) => name).sort()).toEqual(['compute', 'kv']);
    // A demo model's compute buffer is a piece of used heap, whose pages stay where they are; its KV cache is fresh.
    const found = other.find(({ name }) => name === 'kv')?.nodes ?? {};
    const bytes = Object.values(found);
    const most = Math.max(...bytes) / bytes.reduce((sum, value) => sum + value, 0);
    // Huge pages make small buffers uneven; by first touch all would be on one node.
    expect(Object.keys(found), `kv ${JSON.stringify(found)}`).toHaveLength(nodes);
    expect(most, `kv ${JSON.stringify(found)}`).toBeLessThan(0.6);
  });

  it('with the nodes of the map rotated by one puts next to nothing where it was', async () => {
    const { tensors } = await readModel(model);
    const map = '*:rows(1,2,3,0)';
    const { report, result } = await runVerified(machine, bench, { flags: ['--map', map] });
    expect(result.exitCode, said(result)).toBe(0);
    expect(report).toMatchObject({ map, faults: [] });
    const { right } = judge(report, tensors, rowOwners(threads, nodes), nodes);
    const line = `${model} ${map}: ${percent(right)} where *:rows puts it`;
    figures.add(line, { right });
    expect(right, line).toBeLessThanOrEqual(0.01);
  });
});
