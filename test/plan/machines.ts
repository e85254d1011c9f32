// SPDX-License-Identifier: MIT
// Small machines and models to plan for, as plain data.
import type { Model, ModelTensor } from '../../src/model/types.js';
import type { Topology, TopologyCore, TopologyNode } from '../../src/topology/types.js';

export const GiB = 2 ** 30;

export interface NodeShape {
  readonly id?: number;
  readonly cores?: number;
  /** null: the kernel does not tell. */
  readonly memory?: number | null;
  readonly free?: number;
  readonly reclaimable?: number;
}

/** Nodes of 4 cores with 2 threads each and 16 GiB, unless a shape says otherwise. */
export function machine(shapes: readonly NodeShape[], limits?: Partial<Topology['limits']>): Topology {
  const cores: TopologyCore[] = [];
  const nodes: TopologyNode[] = shapes.map((shape, index) => {
    const id = shape.id ?? index;
    for (let core = 0; core < (shape.cores ?? 4); core++) {
      cores.push({ cpus: [cores.length * 2, cores.length * 2 + 1], node: id, socket: null });
    }
    const memoryBytes = shape.memory === undefined ? 16 * GiB : shape.memory;
    return {
      id,
      cpus: cores.filter((core) => core.node === id).flatMap((core) => core.cpus),
      offlineCpus: [],
      memoryBytes,
      freeBytes: memoryBytes === null ? null : (shape.free ?? memoryBytes),
      reclaimableBytes: memoryBytes === null ? null : (shape.reclaimable ?? 0),
      hugePages: {},
      distances: {},
      access: null,
    };
  });
  return {
    source: 'sysfs',
    pageSize: 4096,
    nodes,
    cores,
    limits: { cpus: cores.flatMap((core) => core.cpus), nodes: nodes.map((node) => node.id), ...limits },
    warnings: [],
  };
}

/** `blockCount` layers of `layerBytes` and an output matrix of `outputBytes`. */
export function model(blockCount: number, layerBytes: number, outputBytes = 0): Model {
  const tensor = (name: string, layer: number | null, byteLength: number): ModelTensor => ({
    name,
    layer,
    role: layer === null ? 'output' : 'ffn',
    type: 'q8_0',
    shape: [32, byteLength / 34],
    byteLength,
    file: 'model.gguf',
    fileOffset: 0,
  });
  const layers = Array.from({ length: blockCount }, (_, layer) =>
    tensor(`blk.${layer}.ffn_up.weight`, layer, layerBytes),
  );
  return {
    architecture: 'llama',
    blockCount,
    byteLength: blockCount * layerBytes + outputBytes,
    files: [],
    tensors: [...layers, ...(outputBytes > 0 ? [tensor('output.weight', null, outputBytes)] : [])],
  };
}
