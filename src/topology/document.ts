// SPDX-License-Identifier: MIT
// The JSON document of `numashard topology --json`.
import type { Topology } from './types.js';

export interface TopologyDocument extends Topology {
  readonly schema: 'numashard/topology/1';
}

export function topologyDocument(topology: Topology): TopologyDocument {
  return { schema: 'numashard/topology/1', ...topology };
}
