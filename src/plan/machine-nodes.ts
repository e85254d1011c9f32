// SPDX-License-Identifier: MIT
// A topology as shard maps see it: where memory is, and where workers can live, of what this process may use.
import type { MachineNodes } from '../shardmap/types.js';
import type { Topology } from '../topology/types.js';
import { usableNodes } from './usable-nodes.js';

export function machineNodes(topology: Topology): MachineNodes {
  const nodes = topology.nodes
    .filter(({ id, memoryBytes }) => memoryBytes !== 0 && topology.limits.nodes.includes(id))
    .map(({ id }) => id)
    .sort((left, right) => left - right);
  return { nodes, usableNodes: usableNodes(topology).map(({ id }) => id) };
}
