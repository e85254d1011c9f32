// SPDX-License-Identifier: MIT
// A model of a few kilobytes for the tests: four layers, dense and expert weights, its own output matrix.
import { classifyTensor } from '../../src/model/classify-tensor.js';
import type { Model, ModelTensor } from '../../src/model/types.js';

const shapes: readonly [name: string, shape: readonly number[]][] = [
  ['token_embd.weight', [32, 64]],
  ...Array.from({ length: 4 }, (_, layer) => layerShapes(layer)).flat(),
  ['output_norm.weight', [32]],
  ['output.weight', [32, 64]],
];

function layerShapes(layer: number): [string, readonly number[]][] {
  return [
    [`blk.${layer}.attn_norm.weight`, [32]],
    [`blk.${layer}.attn_q.weight`, [32, 32]],
    [`blk.${layer}.ffn_gate_inp.weight`, [32, 4]],
    [`blk.${layer}.ffn_up_exps.weight`, [32, 16, 4]],
  ];
}

/** Tensors of bytes (one an element), one after the other in one file. */
export function tinyModel(firstOffset = 160): Model {
  let fileOffset = firstOffset;
  const tensors = shapes.map(([name, shape]): ModelTensor => {
    const byteLength = shape.reduce((product, length) => product * length, 1);
    const tensor = {
      name,
      ...classifyTensor(name),
      type: 'i8',
      shape,
      byteLength,
      file: 'tiny.gguf',
      fileOffset,
    };
    fileOffset += byteLength;
    return tensor;
  });
  return {
    architecture: 'test',
    blockCount: 4,
    byteLength: fileOffset - firstOffset,
    files: [{ path: 'tiny.gguf', byteLength: fileOffset }],
    tensors,
  };
}
