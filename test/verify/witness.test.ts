// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, vi } from 'vitest';
import { ThreadSamples } from '../../src/verify/threads.js';
import type { Verification } from '../../src/verify/types.js';
import { createWitness } from '../../src/verify/witness.js';
import { craftReport } from './crafted.js';

it('keeps what it saw, oldest first, and why it could not see', async () => {
  const failure = new Error('gone');
  const witness = createWitness({
    readReport: async (pid) => {
      if (pid === 3) throw failure;
      return craftReport({ pid });
    },
    verify: async (report) => {
      if (report.pid === 2) throw failure;
      return { pid: report.pid } as Verification;
    },
  });
  for (const pid of [1, 2, 3]) await witness.visit(pid);
  expect(witness.sightings).toMatchObject([
    { pid: 1, report: { pid: 1 }, verification: { pid: 1 }, failure: null },
    { pid: 2, report: { pid: 2 }, verification: null, failure },
    { pid: 3, report: null, verification: null, failure },
  ]);
  expect([...witness.pids]).toEqual([1, 2, 3]);
});

it('believes the report where nothing is to be verified', async () => {
  const witness = createWitness({ readReport: async (pid) => craftReport({ pid }), verify: null });
  await witness.visit(7);
  expect(witness.sightings).toMatchObject([{ report: { pid: 7 }, verification: null, failure: null }]);
});

it('samples threads until it is told to stop, and not at all where nothing is to be verified', async () => {
  const add = vi.spyOn(ThreadSamples.prototype, 'add');
  const readReport = async (pid: number) => craftReport({ pid });
  const idle = createWitness({ readReport, verify: null });
  idle.watch(process.pid);
  const witness = createWitness({ readReport, verify: async () => ({}) as Verification });
  witness.watch(process.pid);
  await vi.waitFor(() => expect(add.mock.calls.length).toBeGreaterThan(1));
  witness.stop();
  const [states] = add.mock.calls[0] ?? [];
  expect(states?.map(({ tid }) => tid)).toContain(process.pid);
  await sleep(150);
  const times = add.mock.calls.length;
  await sleep(250);
  expect(add.mock.calls.length).toBe(times);
  expect(new Set(add.mock.contexts).size).toBe(1);
});

it('samples what the process starts too, and what that starts', async () => {
  const add = vi.spyOn(ThreadSamples.prototype, 'add');
  add.mockClear();
  const child = spawn('sh', ['-c', 'sh -c "sleep 30; true"; true']);
  const witness = createWitness({
    readReport: async (pid) => craftReport({ pid }),
    verify: async () => ({}) as Verification,
  });
  try {
    witness.watch(child.pid ?? 0);
    // Two shells and the sleep.
    await vi.waitFor(() => expect(witness.pids.size).toBe(3), { timeout: 5000 });
    await vi.waitFor(() => expect(add.mock.calls.at(-1)?.[0].length).toBe(3), { timeout: 5000 });
  } finally {
    witness.stop();
    for (const pid of witness.pids) process.kill(pid);
  }
});
