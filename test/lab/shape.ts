// SPDX-License-Identifier: MIT
// Whether a machine is what its file says, in the words of `numashard topology` in it.
import { expect } from 'vitest';
import type { LabMachine } from '../../src/lab/lab-machine.js';
import { nodeIds } from '../../src/lab/machine.js';
import type { TopologyDocument } from '../../src/topology/document.js';

const pageSizes = { 'x86-64': 4096, ppc64le: 65_536 };

export async function expectShape(machine: LabMachine): Promise<void> {
  const { description, bootSeconds } = machine;
  process.stdout.write(`  ${description.name}: ${bootSeconds.toFixed(1)} s from start to first command\n`);
  const { stdout } = await machine.execOk(['numashard', 'topology', '--json']);
  const topology = JSON.parse(stdout.toString()) as TopologyDocument;
  expect(topology.pageSize).toBe(pageSizes[description.architecture]);
  const ids = nodeIds(description);
  let nextCpu = 0;
  const wanted = description.nodes.map(({ cpus }, index) => {
    const first = nextCpu;
    nextCpu += cpus;
    const distances = ids.map((id, column) => [`${id}`, description.distances[index]?.[column]]);
    return {
      id: ids[index],
      cpus: Array.from({ length: cpus }, (_, cpu) => first + cpu),
      distances: Object.fromEntries(distances),
    };
  });
  expect(topology.nodes.map(({ id, cpus, distances }) => ({ id, cpus, distances }))).toEqual(wanted);
  topology.nodes.forEach(({ memoryBytes }, index) => {
    const bytes = (description.nodes[index]?.memoryMebibytes ?? 0) * 2 ** 20;
    // The kernel keeps some of each node for itself.
    expect(memoryBytes).toBeLessThanOrEqual(bytes);
    expect(memoryBytes).toBeGreaterThanOrEqual(0.85 * bytes);
  });
}
