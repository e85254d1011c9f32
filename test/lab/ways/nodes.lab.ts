// SPDX-License-Identifier: MIT
// Machines with more nodes than ggml counts, with a node without memory and with one that has nothing else.
import { afterAll, afterEach, expect, it } from 'vitest';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { Figures, percent } from '../main-job/figures.js';
import { bootWithModels, isThorough, oneToken, runVerified, said } from '../main-job/guest.js';
import { judge, rowOwners } from '../main-job/judge.js';
import { knownTensors } from './ways.js';

const figures = new Figures('nodes');
let machine: LabMachine | undefined;
const text = '/models/text.gguf';

afterEach(async () => {
  await machine?.stop();
  machine = undefined;
});
afterAll(() => figures.save());

const tenNodes = async (): Promise<void> => {
  machine = await bootWithModels(['text'], [], 'x86-10n');
  const { report, result } = await runVerified(machine, ['llama-bench', '-m', text, '-t', '10', ...oneToken]);
  expect(result.exitCode, said(result)).toBe(0);
  expect(report.workers.map(({ node }) => node)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const { right, bound, local, rotated } = judge(report, await knownTensors(text), rowOwners(10, 10), 10);
  const line = `ten nodes: ${percent(right)} right (bound ${percent(bound)}), rows ${percent(local)} local, ${result.seconds.toFixed(1)} s`;
  figures.add(line, { case: 'ten nodes', right, bound, local });
  expect(right, line).toBeGreaterThanOrEqual(Math.min(0.995, bound - 0.0015));
  expect(local, line).toBeGreaterThanOrEqual(bound - 0.0015);
  expect(rotated, line).toBeLessThan(0.03);
  expect(report).toMatchObject({ faults: [], absentBytes: 0, unknownBytes: 0 });
};
// Ten emulated CPUs take turns on two of the host's: now and then the caller is caught outside of a graph, on any node.
if (isThorough) it('ten nodes, a worker on each', tenNodes);

it('nodes without CPUs hold what a map gives them, and nodes without memory get no workers', async () => {
  machine = await bootWithModels(['text'], [], 'x86-uneven');
  const rows = await runVerified(machine, ['llama-bench', '-m', text, '-t', '5', ...oneToken]);
  expect(rows.result.exitCode, said(rows.result)).toBe(0);
  expect(rows.report.workers.map(({ node }) => node)).toEqual([0, 0, 0, 0, 1]);
  const judged = judge(
    rows.report,
    await knownTensors(text),
    rowOwners(5, { ids: [0, 0, 0, 0, 1], pageSize: 4096 }),
    4,
  );
  // Verify's own figure for all bytes: the judge knows pages in turn over nodes of equal weight only.
  const line = `uneven, -t 5: rows ${percent(judged.local)} local, worst worker ${percent(judged.worstWorker)}`;
  figures.add(line, { case: 'uneven', local: judged.local, worstWorker: judged.worstWorker });
  expect(judged.local, line).toBeGreaterThanOrEqual(0.98);
  expect(rows.report).toMatchObject({ faults: [], absentBytes: 0, unknownBytes: 0 });

  const command = ['llama-bench', '-m', text, '-t', '5', ...oneToken];
  const spread = await runVerified(machine, command, { flags: ['--map', '*:interleave(0,3)'] });
  expect(spread.result.exitCode, said(spread.result)).toBe(0);
  const bytes: Record<string, number> = {};
  for (const { nodes } of spread.report.tensors as unknown as { nodes: Record<string, number> }[])
    for (const [node, count] of Object.entries(nodes)) bytes[node] = (bytes[node] ?? 0) + count;
  const shown = `interleaved over a node of memory only: ${JSON.stringify(bytes)}`;
  figures.add(shown, { case: 'memory only', bytes });
  expect(Object.keys(bytes), shown).toEqual(['0', '3']);
  expect(bytes['3'], shown).toBeGreaterThan(0.49 * spread.report.placedBytes);
});
