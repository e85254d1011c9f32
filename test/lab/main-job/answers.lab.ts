// SPDX-License-Identifier: MIT
// Placement changes where weights lie and nothing else: the same logits to the byte, the same greedy text. One bit
// turned over in one page changes both, so the comparison can tell.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ExecResult, LabMachine } from '../../../src/lab/lab-machine.js';
import { Figures } from './figures.js';
import { bootWithModels, type Cache, exec, execOk, preload, prepareCache, said } from './guest.js';
import { flippedModel, smallTextModel } from './small-text-model.js';

const quantizations = ['q8_0', 'q4_K_M'] as const;
const threads = '4';
const tokens = 72;
const wanted = { tokens: 64, different: 16 };

const figures = new Figures('answers');
let machine: LabMachine;

beforeAll(async () => {
  const models: string[] = [];
  for (const quantization of quantizations) {
    models.push(await smallTextModel(quantization), await flippedModel(quantization));
  }
  machine = await bootWithModels([], models);
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

interface Way {
  readonly before: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const plainly: Way = { before: [], env: {} };
const underRun: Way = { before: ['numashard', 'run', '--verify', '--'], env: {} };
/** As fast as a machine without Node.js; the report tells afterwards that it did something. */
const underPreload: Way = {
  before: [],
  env: { ...preload, GGML_NUMA_SHARD_MAP: '*:rows', GGML_NUMA_SHARD_REPORT: '/tmp/placed.json' },
};

async function logits(model: string, way: Way): Promise<Buffer> {
  await execOk(machine, 'rm -f /tmp/logits');
  const command = `llama-perplexity -m /models/${model}.gguf -f /tmp/corpus.txt -t ${threads} -c 32 --chunks 1`;
  await succeed([...command.split(' '), '--save-all-logits', '/tmp/logits'], way);
  return machine.readFile('/tmp/logits');
}

async function text(model: string, way: Way): Promise<string> {
  const command = `llama-completion -m /models/${model}.gguf -t ${threads} -n ${tokens} -c 128 --temp 0`;
  const plain = '-no-cnv --no-warmup --no-display-prompt --ignore-eos'.split(' ');
  const result = await succeed([...command.split(' '), ...plain, '-p', 'the rest is noise'], way);
  return result.stdout.toString();
}

async function succeed(command: readonly string[], { before, env }: Way): Promise<ExecResult> {
  const result = await exec(machine, [...before, ...command], { env });
  expect(result.exitCode, said(result)).toBe(0);
  const report = env['GGML_NUMA_SHARD_REPORT'];
  if (report === undefined) return result;
  const { map, placedBytes, misplacedBytes } = JSON.parse((await machine.readFile(report)).toString());
  expect(map).toBe('*:rows');
  // Slices of a few pages each: a page in twenty is shared.
  expect(placedBytes - misplacedBytes).toBeGreaterThan(0.9 * placedBytes);
  await execOk(machine, ['rm', report]);
  return result;
}

describe.each(quantizations)('%s', (quantization) => {
  const model = `small-${quantization}`;
  let plainLogits: Buffer;
  let plainText: string;

  it('has something to say by itself', async () => {
    plainLogits = await logits(model, plainly);
    plainText = await text(model, plainly);
    expect(plainLogits.byteLength).toBeGreaterThan(15_000);
    await machine.writeFile('/tmp/said.txt', plainText.trim());
    const tokenize = `llama-tokenize -m /models/${model}.gguf -f /tmp/said.txt --ids --no-bos --log-disable`;
    const { stdout } = await execOk(machine, tokenize.split(' '));
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

  it.each<[Cache, string, Way]>([
    ['cold', 'run', underRun],
    ['warm', 'the preload alone', underPreload],
  ])('says the same when placed, %s cache, %s', async (cache, _name, way) => {
    await prepareCache(machine, model, cache);
    const placedLogits = await logits(model, way);
    await prepareCache(machine, model, cache);
    const placedText = await text(model, way);
    const equal = { logits: placedLogits.equals(plainLogits), text: placedText === plainText };
    figures.add(`${model}, ${cache} cache: equal ${JSON.stringify(equal)}`, { model, cache, ...equal });
    expect(placedText).toBe(plainText);
    expect(equal.logits, 'every byte of the logits is the same').toBe(true);
  });

  it('says something else after one bit was turned over', async () => {
    expect((await logits(`${model}-flipped`, underPreload)).equals(plainLogits)).toBe(false);
    expect(await text(`${model}-flipped`, underPreload)).not.toBe(plainText);
  });
});
