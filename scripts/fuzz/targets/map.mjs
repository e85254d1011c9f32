// SPDX-License-Identifier: MIT
// Shard maps: text to rules and back, and what the rules mean for tensors. Input: the map, NUL, a tensor's name, NUL,
// bytes as numbers; native/fuzz/map.c reads the same.
import { encode, promise, unlessRefused } from '../check.mjs';
import { mapSeeds } from '../seeds.mjs';

const machines = [
  undefined,
  { nodes: [0, 1, 2, 3], usableNodes: [0, 1, 2, 3] },
  { nodes: [0, 8, 16], usableNodes: [0, 8] },
  { nodes: [0, 1], usableNodes: [] },
  { nodes: [0], usableNodes: [0] },
];
const codes = /^map-(syntax|role|node|range|empty-rule|rows-nodes)$/;

/** @param {import('../targets.mjs').Load} load @returns {Promise<import('../targets.mjs').Target>} */
export async function openMap(load) {
  const errors = await load('errors.js');
  const { parseShardMap } = await load('shardmap/parse.js');
  const { printShardMap } = await load('shardmap/print.js');
  const { resolveShardMap } = await load('shardmap/resolve.js');
  const { localShareBound } = await load('shardmap/pages.js');
  const { classifyTensor } = await load('model/classify-tensor.js');

  /** @param {string} text @param {string} name @param {Uint8Array} numbers @param {typeof machines[number]} machine */
  function check(text, name, numbers, machine) {
    const map = unlessRefused(errors, codes, () => parseShardMap(text, machine));
    if (!map) return;
    const printed = printShardMap(map);
    promise(
      printShardMap(parseShardMap(printed, machine)) === printed,
      'what is printed reads back the same',
    );
    const nodes = machine ?? { nodes: [0, 1, 2], usableNodes: [0, 1, 2] };
    const { model, options } = subject(name, numbers, nodes, classifyTensor);
    const resolution = unlessRefused(errors, codes, () => resolveShardMap(map, model, options));
    if (!resolution) return;
    for (const placement of resolution.placements) checkRanges(placement, nodes.nodes);
    const placed = resolution.nodes.reduce(
      (/** @type {number} */ sum, /** @type {any} */ node) => sum + node.byteLength,
      0,
    );
    promise(placed === model.byteLength, 'every byte is on one node');
    const bound = localShareBound(resolution.placements, options.pageSize);
    promise(bound >= 0 && bound <= 1, 'a bound is a share');
  }

  return {
    seeds: mapSeeds(),
    tokens: encode(
      ',',
      ':',
      '(',
      ')',
      '-',
      '.',
      '=',
      ' ',
      '*',
      '\0',
      'all',
      'node',
      'node3',
      'name=',
      'observe',
      'rows',
      'cyclic(',
      'weighted(',
      'interleave(',
      'rows(',
      'attn',
      'ffn',
      'experts',
      'shared',
      'router',
      'norm',
      'embed',
      'output',
      'ssm',
      'other',
      'blk.',
      '.weight',
      '0-8',
      '255',
      '1023',
      '8192',
      '999999999',
      'blk.3.attn_v_b.weight',
      'token_embd.weight',
      'blk.0.ffn_up_exps.weight',
      'é',
      '💾',
    ),
    run(input) {
      const first = input.indexOf(0) < 0 ? input.length : input.indexOf(0);
      const second = input.indexOf(0, first + 1) < 0 ? input.length : input.indexOf(0, first + 1);
      const text = Buffer.from(input.subarray(0, first)).toString();
      const name = Buffer.from(input.subarray(first + 1, second)).toString();
      for (const machine of machines) check(text, name, input.subarray(second + 1), machine);
    },
  };
}

/**
 * One tensor of that name, and how it is read.
 * @param {string} name
 * @param {Uint8Array} numbers
 * @param {{ nodes: number[], usableNodes: number[] }} nodes
 * @param {(name: string) => { layer: number | null, role: string }} classifyTensor
 */
function subject(name, numbers, nodes, classifyTensor) {
  const [row = 0, rows = 0, few = 0, matrices = 0, group = 0, page = 0, workers = 0] = numbers;
  const shape = [32, 1 + rows + 256 * (few % 2), 1 + (matrices % 4)];
  const byteLength = (1 + row) * (shape[1] ?? 1) * (shape[2] ?? 1);
  const { layer, role } = classifyTensor(name);
  promise(layer === null || Number.isSafeInteger(layer), 'a layer is a number');
  const tensor = { name, layer, role, type: 'q8_0', shape, byteLength, file: '', fileOffset: few * 32 };
  return {
    model: { architecture: 'fuzz', blockCount: 1e9, byteLength, files: [], tensors: [tensor] },
    options: {
      ...nodes,
      workers,
      pageSize: 512 << (page % 8),
      repack: () => ({ repacked: group % 5 > 0, group: [1, 1, 4, 8, 16][group % 5] }),
    },
  };
}

/** @param {any} placement @param {readonly number[]} nodes */
function checkRanges({ tensor, ranges }, nodes) {
  let end = 0;
  for (const { offset, byteLength, node } of ranges) {
    promise(offset === end && byteLength > 0, 'ranges follow each other');
    promise(nodes.includes(node), 'a range is on a node of the machine');
    end = offset + byteLength;
  }
  promise(end === tensor.byteLength, 'ranges cover the tensor');
}
