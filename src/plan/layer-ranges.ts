// SPDX-License-Identifier: MIT
// The `layers` strategy: consecutive layers per node, in proportion to each node's available memory, the roomiest
// first. It balances capacity and not bandwidth: all threads work on one layer at a time, so all read one node.
import type { Model } from '../model/types.js';
import { byRoom } from './spread-threads.js';
import type { UsableNode } from './usable-nodes.js';

export interface LayerPlacement {
  /** In the shape the project began with, `0-8:node3,9-17:node2`; what lies outside the layers goes by `*`. */
  readonly map: string;
  /** Node id as decimal text → bytes. */
  readonly memory: Record<string, number>;
}

export function placeLayers(
  blockCount: number,
  model: Model | null,
  nodes: readonly UsableNode[],
): LayerPlacement {
  const order = byRoom(nodes);
  const isKnown = order.every((node) => node.availableBytes !== null && node.availableBytes > 0);
  const capacities = order.map((node) => (isKnown ? (node.availableBytes as number) : 1));
  const { layers, rest } = layerBytes(blockCount, model);
  const homes = layerHomes(layers, capacities);
  const bytes = capacities.map(() => 0);
  for (const [layer, home] of homes.entries()) bytes[home] = (bytes[home] ?? 0) + (layers[layer] ?? 0);

  const left = capacities.map((capacity, index) => capacity - (isKnown && model ? (bytes[index] ?? 0) : 0));
  const roomiestLeft = left.indexOf(Math.max(...left));
  bytes[roomiestLeft] = (bytes[roomiestLeft] ?? 0) + rest;
  const rules = order.flatMap((node, index) => {
    const first = homes.indexOf(index);
    const last = homes.lastIndexOf(index);
    return first < 0 ? [] : [`${first === last ? first : `${first}-${last}`}:node${node.id}`];
  });
  return {
    map: [...rules, `*:node${order[roomiestLeft]?.id}`].join(','),
    memory:
      model === null ? {} : Object.fromEntries(order.map((node, index) => [node.id, bytes[index] ?? 0])),
  };
}

/** Without a model every layer counts the same. */
function layerBytes(blockCount: number, model: Model | null): { layers: number[]; rest: number } {
  if (model === null) return { layers: new Array<number>(blockCount).fill(1), rest: 0 };
  const layers = new Array<number>(blockCount).fill(0);
  let rest = 0;
  for (const { layer, byteLength } of model.tensors) {
    if (layer !== null && layer < blockCount) layers[layer] = (layers[layer] ?? 0) + byteLength;
    else rest += byteLength;
  }
  return { layers, rest };
}

/** A layer goes to the node whose share of the capacity contains the middle of the layer's bytes. */
function layerHomes(layers: readonly number[], capacities: readonly number[]): number[] {
  const whole = layers.reduce((sum, bytes) => sum + bytes, 0) || 1;
  const capacity = capacities.reduce((sum, bytes) => sum + bytes, 0);
  let before = 0;
  let node = 0;
  let end = (capacities[0] ?? 0) / capacity;
  return layers.map((bytes) => {
    const middle = (before + bytes / 2) / whole;
    before += bytes;
    while (middle > end && node < capacities.length - 1) end += (capacities[++node] ?? 0) / capacity;
    return node;
  });
}
