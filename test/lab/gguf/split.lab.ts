// SPDX-License-Identifier: MIT
// Models in several files under the real llama.cpp: `run --verify` and `place` put every part where its rows are read,
// whichever part holds the output matrix; a tied embedding is cut as the output matrix that it is, an encoder's not.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ggufString } from '../../../src/gguf/encode.js';
import { readGgufParts } from '../../../src/gguf/read-parts.js';
import type { GgufToWrite } from '../../../src/gguf/write-gguf.js';
import { writeGgufParts } from '../../../src/gguf/write-parts.js';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { type DemoModelSpec, demoModelContent } from '../../../src/lab/models.js';
import { describeModel } from '../../../src/model/describe-model.js';
import type { Model, ModelTensor } from '../../../src/model/types.js';
import { cachedModel } from '../cached-model.js';
import { Figures, percent } from '../main-job/figures.js';
import { bootWithModels, execOk, isThorough, oneToken, runVerified, said } from '../main-job/guest.js';
import { distributeOwners, judge, type OwnersOf, rowOwners } from '../main-job/judge.js';

const nodes = 4;
const threads = 4;

const spec: DemoModelSpec = {
  kind: 'dense',
  embedding: 1024,
  layers: 2,
  feedForward: 2816,
  experts: 0,
  expertsUsed: 0,
  heads: 16,
  vocabulary: 2048,
  quantization: 'q8_0',
  tokenizer: false,
  seed: 1,
};

/** Tensors are in this order: embedding, layers, norm, output. */
const models = {
  /** The embedding in the second part, the output matrix in the last. */
  split: { counts: [0, 8], isTied: false },
  /** The embedding in the first part, and the output matrix nowhere. */
  tied: { counts: [6, 6], isTied: true },
  /** No output matrix either, and none needed. */
  encoder: { counts: [], isTied: false },
} as const;
type Name = keyof typeof models;

const figures = new Figures('split');
let machine: LabMachine;
const known = new Map<Name, Model>();

beforeAll(async () => {
  const files: string[] = [];
  for (const name of Object.keys(models) as Name[]) {
    const paths = await partsOf(name);
    known.set(name, describeModel(await readGgufParts(paths.at(-1) ?? '')));
    files.push(...paths);
  }
  machine = await bootWithModels([], files);
});

afterAll(async () => {
  figures.save();
  await machine?.stop();
});

async function partsOf(name: Name): Promise<string[]> {
  const { counts } = models[name];
  const content = contentOf(name);
  const folder = await cachedModel([spec, name, counts, 'llama-embed'], name, async (work) => {
    await mkdir(work);
    await writeGgufParts(join(work, name), content, counts);
  });
  const count = counts.length + 1;
  return Array.from({ length: count }, (_, i) => join(folder, `${name}-0000${i + 1}-of-0000${count}.gguf`));
}

/** An encoder of the same graph as `llama`, in llama.cpp 0.7.0. */
function contentOf(name: Name): GgufToWrite {
  const { metadata, tensors } = demoModelContent(spec);
  const withoutOutput = tensors.filter((tensor) => tensor.name !== 'output.weight');
  if (name === 'split') return { metadata, tensors };
  if (name === 'tied') return { metadata, tensors: withoutOutput };
  const entries = Object.entries(metadata).map(([key, value]) => [
    key.replace(/^llama\./, 'llama-embed.'),
    value,
  ]);
  const architecture = { 'general.architecture': ggufString('llama-embed') };
  return { metadata: { ...Object.fromEntries(entries), ...architecture }, tensors: withoutOutput };
}

function guestPaths(name: Name): string[] {
  const count = models[name].counts.length + 1;
  return Array.from({ length: count }, (_, i) => `/models/${name}-0000${i + 1}-of-0000${count}.gguf`);
}

/** A tied embedding is read row by row, as the output matrix. */
function owners(name: Name, ownersOf: OwnersOf): OwnersOf {
  const asOutput = (tensor: ModelTensor) =>
    models[name].isTied && tensor.name === 'token_embd.weight'
      ? { ...tensor, name: 'output.weight' }
      : tensor;
  return (tensor, from) => ownersOf(tensor, asOutput(from));
}

async function observed(
  name: Name,
  what: string,
  words: readonly string[],
  flags: readonly string[],
  by: OwnersOf,
) {
  const command = ['llama-bench', '-m', guestPaths(name)[0] ?? '', '-t', `${threads}`, ...words, ...oneToken];
  const { report, result } = await runVerified(machine, command, { flags });
  expect(result.exitCode, said(result)).toBe(0);
  const judged = judge(report, known.get(name)?.tensors ?? [], owners(name, by), nodes);
  const { right, bound, local, worst } = judged;
  const line = `${name}, ${what}: ${percent(right)} right (bound ${percent(bound)}), rows ${percent(local)} local, worst ${percent(worst.local)} (${worst.tensor}), ${result.seconds.toFixed(1)} s`;
  figures.add(line, { name, what, ...judged, seconds: result.seconds });
  return { report, line, ...judged };
}

const runs: readonly Name[] = ['split', 'tied', ...(isThorough ? (['encoder'] as const) : [])];

describe('a model in parts', () => {
  it.each(runs)('lies under run --verify where its rows are read: %s', async (name) => {
    const rows = rowOwners(threads, nodes);
    const { report, right, bound, worst, line } = await observed(name, 'run', [], [], rows);
    expect(report).toMatchObject({
      verified: true,
      faults: [],
      map: '*:rows',
      absentBytes: 0,
      unknownBytes: 0,
    });
    expect(right, line).toBeGreaterThanOrEqual(Math.min(0.995, bound - 0.0015));
    expect(worst.local, line).toBeGreaterThanOrEqual(0.98);
    const holding = guestPaths(name).slice(name === 'split' ? 1 : 0);
    expect(filesOf(report)).toEqual(holding);
    // Each once, or twice where it is announced for two uses.
    expect(new Set(report.tensors.map((tensor) => tensor.name)).size).toBe(known.get(name)?.tensors.length);
  });

  // One of the two is enough: nothing here depends on which tensor is in which part.
  it('lies after place, given its last part, where --numa distribute reads it', async () => {
    const name = 'split';
    await execOk(machine, 'sync; echo 3 >/proc/sys/vm/drop_caches');
    const given = guestPaths(name)[2] ?? '';
    const { stdout } = await execOk(machine, [
      'numashard',
      'place',
      given,
      '--threads',
      `${threads}`,
      '--json',
    ]);
    const placed = JSON.parse(stdout.toString());
    expect(placed).toMatchObject({ map: `*:cyclic(${threads})`, absentBytes: 0, unknownBytes: 0 });
    expect(placed.models[0].files).toEqual(guestPaths(name).slice(1));
    expect(placed.command.slice(0, 3)).toEqual(['llama-server', '-m', guestPaths(name)[0]]);
    const words = ['--numa', 'distribute', '--repack', '0'];
    const by = distributeOwners(threads, nodes);
    const { worstWorker, line } = await observed(name, 'place', words, ['--map', 'observe'], by);
    expect(worstWorker, line).toBeGreaterThanOrEqual(0.98);
  });
});

function filesOf(report: object): string[] {
  const { models: reported } = report as { models: { files: string[] }[] };
  return reported.flatMap(({ files }) => files).sort();
}
