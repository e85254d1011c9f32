// SPDX-License-Identifier: MIT
// Machines of every shape are what their files say, in the words of their kernel and of `numashard topology`: nodes
// without memory, of memory only, ids with gaps, distances that differ, and more nodes than ggml counts.
import { describe, expect, it } from 'vitest';
import { loadMachine, nodeIds } from '../../src/lab/machine.js';
import { labRun } from '../../src/lab/run.js';
import type { TopologyDocument } from '../../src/topology/document.js';
import { isThorough } from './main-job/guest.js';
import { setting } from './setting.js';

const pageSizes = { 'x86-64': 4096, ppc64le: 65_536 };
const machines = ['x86-uneven', 'power8-gaps', ...(isThorough ? ['x86-2s', 'x86-8n', 'x86-10n'] : [])];

describe('numashard topology', () => {
  it.each(machines)('on %s', async (name) => {
    const described = loadMachine(name);
    const ids = nodeIds(described);
    const { stdout, exitCode, bootSeconds } = await labRun({
      machine: name,
      command: ['numashard', 'topology', '--json'],
      project: true,
      ...setting,
    });
    expect(exitCode).toBe(0);
    process.stdout.write(`  ${name}: ${bootSeconds.toFixed(1)} s from start to first command\n`);
    const topology = JSON.parse(stdout.toString()) as TopologyDocument;
    expect(topology.pageSize).toBe(pageSizes[described.architecture]);
    let nextCpu = 0;
    const wanted = described.nodes.map(({ cpus }, index) => {
      const first = nextCpu;
      nextCpu += cpus;
      return {
        id: ids[index],
        cpus: Array.from({ length: cpus }, (_, cpu) => first + cpu),
        distances: Object.fromEntries(
          ids.map((id, column) => [`${id}`, described.distances[index]?.[column]]),
        ),
      };
    });
    expect(topology.nodes.map(({ id, cpus, distances }) => ({ id, cpus, distances }))).toEqual(wanted);
    topology.nodes.forEach(({ memoryBytes }, index) => {
      const bytes = (described.nodes[index]?.memoryMebibytes ?? 0) * 2 ** 20;
      // The kernel keeps some of each node for itself.
      expect(memoryBytes).toBeLessThanOrEqual(bytes);
      expect(memoryBytes).toBeGreaterThanOrEqual(0.85 * bytes);
    });
  });
});
