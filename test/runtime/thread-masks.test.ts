// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { readThreadMasks, topologyOf } from '../../src/runtime/thread-masks.js';
import { readTopology } from '../../src/topology/read-topology.js';
import { machine } from '../plan/machines.js';

it('reads the masks of every thread of a process', async () => {
  const masks = await readThreadMasks(process.pid);
  const { limits } = await readTopology();
  expect(masks.length).toBeGreaterThan(1);
  expect(masks[0]).toEqual({ tid: process.pid, cpus: limits.cpus, memoryNodes: limits.nodes });
  expect(await readThreadMasks(2 ** 22 + 1)).toEqual([]);
});

it('sees a mask that taskset set', async () => {
  const [first = 0] = (await readTopology()).limits.cpus;
  const child = spawn('taskset', ['-c', `${first}`, 'sleep', '30']);
  try {
    await expect.poll(async () => (await readThreadMasks(child.pid ?? 0))[0]?.cpus).toEqual([first]);
  } finally {
    child.kill();
  }
});

it('a machine as a process sees it is what any of its threads may use', () => {
  const four = machine([{}, {}, {}, {}]);
  const masks = [
    { tid: 1, cpus: [0, 1], memoryNodes: [0, 1] },
    { tid: 2, cpus: [9], memoryNodes: [0, 1] },
  ];
  expect(topologyOf(four, masks).limits).toEqual({ cpus: [0, 1, 9], nodes: [0, 1] });
  expect(topologyOf(four, [])).toBe(four);
});
