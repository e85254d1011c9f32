// SPDX-License-Identifier: MIT
// Placement changes where weights lie and nothing else: the same logits to the byte, the same greedy text. One bit
// turned over in one page changes both, so the comparison can tell.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { Figures } from './figures.js';
import { flippedModel } from './flipped-model.js';
import { bootWithModels, type Cache, exec, execOk, prepareCache, said } from './guest.js';

const models = ['text', 'text-q4_K_M'] as const;
const threads = '4';
const tokens = 72;
const wanted = { tokens: 64, different: 16 };

const figures = new Figures('answers');
let machine: LabMachine;

beforeAll(async () => {
  machine = await bootWithModels(models, await Promise.all(models.map(flippedModel)));
  await machine.writeFile('/tmp/corpus.txt', corpus());
});

afterAll(async () => {
  figures.save();
  await machine?.stop();
});

/** Enough words for one short context, always the same. */
function corpus(): string {
  const words =
    'every thread reads its weights from near memory while slow rivers carry old stones past quiet towns';
  const list = words.split(' ');
  return `${Array.from({ length: 400 }, (_, index) => list[(index * index + 7 * index) % list.length]).join(' ')}\n`;
}

const placed = ['numashard', 'run', '--verify', '--'];

async function logits(model: string, before: readonly string[] = []): Promise<Buffer> {
  const words = [
    '-m',
    `/models/${model}.gguf`,
    '-f',
    '/tmp/corpus.txt',
    '-t',
    threads,
    '-c',
    '64',
    '--chunks',
    '1',
  ];
  await execOk(machine, 'rm -f /tmp/logits');
  const result = await exec(machine, [
    ...before,
    'llama-perplexity',
    ...words,
    '--save-all-logits',
    '/tmp/logits',
  ]);
  expect(result.exitCode, said(result)).toBe(0);
  return machine.readFile('/tmp/logits');
}

async function text(model: string, before: readonly string[] = []): Promise<string> {
  const words = [
    '-m',
    `/models/${model}.gguf`,
    '-t',
    threads,
    '-p',
    'the rest is noise',
    '-n',
    `${tokens}`,
    '-c',
    '128',
  ];
  const plain = ['--temp', '0', '-no-cnv', '--no-warmup', '--no-display-prompt', '--ignore-eos'];
  const result = await exec(machine, [...before, 'llama-completion', ...words, ...plain]);
  expect(result.exitCode, said(result)).toBe(0);
  return result.stdout.toString();
}

describe.each(models)('%s', (model) => {
  let plainLogits: Buffer;
  let plainText: string;

  it('has something to say by itself', async () => {
    plainLogits = await logits(model);
    plainText = await text(model);
    expect(plainLogits.byteLength).toBeGreaterThan(50_000);
    await machine.writeFile('/tmp/said.txt', plainText.trim());
    const tokenize = [
      'llama-tokenize',
      '-m',
      `/models/${model}.gguf`,
      '-f',
      '/tmp/said.txt',
      '--ids',
      '--no-bos',
    ];
    const { stdout } = await execOk(machine, [...tokenize, '--log-disable']);
    const ids = JSON.parse(stdout.toString()) as number[];
    const line = `${model}: ${ids.length} tokens, ${new Set(ids).size} of them different; ${plainLogits.byteLength} bytes of logits`;
    figures.add(line, {
      model,
      tokens: ids.length,
      different: new Set(ids).size,
      logits: plainLogits.byteLength,
    });
    expect(ids.length, line).toBeGreaterThanOrEqual(wanted.tokens);
    expect(new Set(ids).size, line).toBeGreaterThanOrEqual(wanted.different);
  });

  it.each<[Cache]>([['cold'], ['warm']])('says the same when placed, %s cache', async (cache) => {
    await prepareCache(machine, model, cache);
    const isSame = (await logits(model, placed)).equals(plainLogits);
    if (cache === 'cold') await prepareCache(machine, model, cache);
    const placedText = await text(model, placed);
    figures.add(
      `${model}, ${cache} cache: logits ${isSame ? 'equal' : 'DIFFERENT'}, text ${placedText === plainText ? 'equal' : 'DIFFERENT'}`,
      {
        model,
        cache,
        logits: isSame,
        text: placedText === plainText,
      },
    );
    expect(placedText).toBe(plainText);
    expect(isSame, 'every byte of the logits is the same').toBe(true);
  });

  it('says something else after one bit was turned over', async () => {
    expect((await logits(`${model}-flipped`, placed)).equals(plainLogits)).toBe(false);
    expect(await text(`${model}-flipped`, placed)).not.toBe(plainText);
  });
});
