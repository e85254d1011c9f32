// SPDX-License-Identifier: MIT
// The nodes that a target names on a machine.
import type { MachineNodes, Target } from './types.js';

/** In the order in which the target takes them. `all` of `rows` and `cyclic` is where threads can be. */
export function nodesOf(target: Target, machine: MachineNodes): readonly number[] {
  switch (target.kind) {
    case 'node':
      return [target.node];
    case 'weighted':
      return target.weights.map(({ node }) => node);
    case 'interleave':
      return target.nodes === 'all' ? machine.nodes : target.nodes;
    case 'rows':
    case 'cyclic':
      return target.nodes === 'all' ? machine.usableNodes : target.nodes;
    default:
      return target satisfies never;
  }
}
