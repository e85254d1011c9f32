// SPDX-License-Identifier: MIT
// The public library: what it offers, by name, and that it works as a whole without a machine or a process.
import { expect, it } from 'vitest';
import * as library from '../src/index.js';
import { tinyModel } from './shardmap/tiny-model.js';
import { fixtureFiles, textRoot } from './topology/text-root.js';

it('offers these names', () => {
  expect(Object.keys(library).sort()).toEqual([
    'NumashardError',
    'classifyTensor',
    'describeModel',
    'directoryRoot',
    'machineNodes',
    'parseShardMap',
    'planPlacement',
    'printShardMap',
    'readGguf',
    'readGgufParts',
    'readTopology',
    'resolveShardMap',
  ]);
});

it('leads from a machine and a model to placements', async () => {
  const { readTopology, planPlacement, machineNodes, parseShardMap, resolveShardMap } = library;
  const topology = await readTopology(textRoot(fixtureFiles('four-nodes')));
  const model = tinyModel();
  const plan = planPlacement({ model, topology, threads: 8, strategy: null });
  const chosen = plan.strategies.find(({ name }) => name === plan.chosen);
  const map = parseShardMap(chosen?.map ?? '', machineNodes(topology));
  const { nodes } = resolveShardMap(map, model, {
    ...machineNodes(topology),
    workers: plan.threads,
    pageSize: topology.pageSize,
  });
  expect(nodes.map(({ id }) => id)).toEqual([0, 1, 2, 3]);
  expect(nodes.reduce((sum, { byteLength }) => sum + byteLength, 0)).toBe(model.byteLength);
});
