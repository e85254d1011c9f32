// SPDX-License-Identifier: MIT
// The map format this project began with, on a model of 32 layers: every page lies on the node of the tensor that has
// most of it. Addresses and nodes are the kernel's; which node a tensor belongs to is written out here once more.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { Figures } from './figures.js';
import { bootWithModels, oneToken, prepareCache, readModel, runVerified, said } from './guest.js';
import { bytesOn, eachPage } from './judge.js';

const map = '0-8:node3,9-17:node2,18-25:node1,26-31:node0,attn:node3';

/** Attention first, then the layer; what is in no layer goes to the first node. Norms are not attention. */
function nodeOf(name: string): number {
  const layer = /^blk\.(\d+)\./.exec(name)?.[1];
  if (layer === undefined) return 0;
  if (/\.attn_(q|k|v|output)\.weight$/.test(name)) return 3;
  return Number(layer) <= 8 ? 3 : Number(layer) <= 17 ? 2 : Number(layer) <= 25 ? 1 : 0;
}

const figures = new Figures('layers');
let machine: LabMachine;

beforeAll(async () => {
  machine = await bootWithModels(['layers32']);
});

afterAll(async () => {
  figures.save();
  await machine?.stop();
});

it.each(['cold', 'warm'] as const)('%s cache', async (cache) => {
  const { tensors } = await readModel('layers32');
  await prepareCache(machine, 'layers32', cache);
  const command = ['llama-bench', '-m', '/models/layers32.gguf', '-t', '4', ...oneToken];
  const { report, result } = await runVerified(machine, command, { flags: ['--map', map] });
  expect(result.exitCode, said(result)).toBe(0);
  expect(report).toMatchObject({ map, verified: true, faults: [] });
  expect(report.tensors.map(({ name }) => name).sort()).toEqual(tensors.map(({ name }) => name).sort());

  const pages = new Map<number, { found: number; tensors: { name: string; bytes: number }[] }>();
  for (const tensor of report.tensors) {
    eachPage(tensor, (page, found) => {
      const known = pages.get(page) ?? { found, tensors: [] };
      known.tensors.push({ name: tensor.name, bytes: bytesOn(tensor, page) });
      expect(known.found, `page ${page} has one place`).toBe(found);
      pages.set(page, known);
    });
  }
  const wrong: string[] = [];
  const perNode: Record<number, number> = {};
  for (const [page, { found, tensors: sharers }] of pages) {
    const most = Math.max(...sharers.map(({ bytes }) => bytes));
    const allowed = sharers.filter(({ bytes }) => bytes === most).map(({ name }) => nodeOf(name));
    perNode[found] = (perNode[found] ?? 0) + 1;
    if (!allowed.includes(found))
      wrong.push(
        `${page}: node ${found} has ${sharers.map(({ name, bytes }) => `${name} ${bytes}`).join(', ')}`,
      );
  }
  const line = `layers32, ${cache} cache: ${pages.size} pages, ${wrong.length} elsewhere; pages by node ${JSON.stringify(perNode)}`;
  figures.add(line, { cache, pages: pages.size, wrong: wrong.length, perNode, seconds: result.seconds });
  expect(wrong, line).toEqual([]);
  expect(Object.keys(perNode), line).toEqual(['0', '1', '2', '3']);
});
