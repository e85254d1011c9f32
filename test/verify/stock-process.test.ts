// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { readLlamaCommand } from '../../src/runtime/command.js';
import { describeStockProcess, joinMappings, type StockProcess } from '../../src/verify/stock-process.js';
import { model } from '../plan/machines.js';
import { nodesOfEight } from './crafted.js';

const pid = 500;
const topology = nodesOfEight(4);
const all = topology.nodes.flatMap(({ cpus }) => cpus);

/** Threads 501, 502, … pinned to these nodes; null: to all. */
function process(
  command: string,
  homes: readonly (number | null)[],
  fields: Partial<StockProcess> = {},
): StockProcess {
  const masks = [null, ...homes].map((home, index) => ({
    tid: pid + index,
    cpus: home === null ? all : (topology.nodes[home]?.cpus ?? []),
    memoryNodes: [0, 1, 2, 3],
  }));
  const read = readLlamaCommand(command.split(' '), {});
  return { pid, models: [], mappings: [], masks, command: read, topology, ...fields };
}

const codes = (stock: StockProcess) => describeStockProcess(stock).warnings.map(({ code }) => code);
const distribute = 'llama-server --numa distribute --no-repack -t 4';

describe('workers', () => {
  it('of --numa distribute are its pinned threads, the first being the caller', () => {
    const report = describeStockProcess(process(distribute, [1, null, 2, 3]));
    expect(report).toMatchObject({
      map: '*:cyclic(4)',
      placedWorkers: 4,
      threads: { seen: [4] },
      warnings: [],
    });
    expect(report.workers.map(({ index, tid, node }) => [index, tid, node])).toEqual([
      [0, 500, 0],
      [1, 501, 1],
      [2, 503, 2],
      [3, 504, 3],
    ]);
  });

  it('are as many as are pinned where -t is not given', () => {
    const report = describeStockProcess(
      process('llama-server --numa distribute --no-repack', [1, 2, 3, 0, 1]),
    );
    expect(report.map).toBe('*:cyclic(6)');
  });

  it.each([
    ['too few are pinned', distribute, [1, 2]],
    ['they are pinned in another order', distribute, [2, 1, 3]],
    ['nobody asked for it', 'llama-server --no-repack -t 4', [1, 2, 3]],
  ])('are not guessed where %s', (_what, command, homes) => {
    const stock = process(command, homes);
    expect(describeStockProcess(stock)).toMatchObject({ map: 'observe', workers: [], threads: 'assumed' });
    expect(codes(stock)).toEqual(['workers-unknown']);
  });
});

describe('weights', () => {
  const known = model(2, 4096 * 8);
  const [first] = known.tensors;
  if (first === undefined) throw new Error('no tensor');
  const path = first.file;
  const end = Math.max(...known.tensors.map(({ fileOffset, byteLength }) => fileOffset + byteLength));

  it('are at the address of their mapping', () => {
    const mappings = [{ start: 0x7000_0000, end: 0x7000_0000 + end, fileOffset: 0, path }];
    const { tensors } = describeStockProcess(process(distribute, [1, 2, 3], { models: [known], mappings }));
    expect(tensors).toHaveLength(known.tensors.length);
    for (const [index, { address, fileOffset }] of tensors.entries()) {
      expect(address).toBe(0x7000_0000 + (fileOffset ?? 0));
      expect(fileOffset).toBe(known.tensors[index]?.fileOffset);
    }
  });

  it('that are not mapped, or that may be copies, are told', () => {
    const stock = process('llama-server --numa distribute -t 4', [1, 2, 3], { models: [known] });
    expect(codes(stock)).toEqual(['not-mapped', 'repack-unseen']);
  });

  it('are found across mappings that follow each other', () => {
    const half = Math.ceil(end / 2 / 4096) * 4096;
    const parts = [
      { start: 0x1000, end: 0x1000 + half, fileOffset: 0, path },
      { start: 0x1000 + half, end: 0x1000 + end, fileOffset: half, path },
    ];
    expect(joinMappings(parts)).toEqual([{ start: 0x1000, end: 0x1000 + end, fileOffset: 0, path }]);
    expect(joinMappings(parts.map((part, index) => ({ ...part, path: `${index}` })))).toHaveLength(2);
    expect(joinMappings([parts[1], parts[0]].flatMap((part) => part ?? []))).toHaveLength(2);
  });
});
