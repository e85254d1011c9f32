// SPDX-License-Identifier: MIT
// Several models, contexts and adapters in one process: alive at once, each is told apart and right, also twice the
// same file; loaded and freed fifty times, nothing of them stays.
import { describe, expect, it } from 'vitest';
import type { ExecResult } from '../../../src/lab/lab-machine.js';
import { percent } from '../main-job/figures.js';
import { execOk, isThorough, preload, prepareCache, runVerified, said } from '../main-job/guest.js';
import { judge, type RunReport, rowOwners } from '../main-job/judge.js';
import { modelHost } from './model-host.js';
import { knownTensors, type Ways } from './ways.js';

const nodes = 4;
const threads = 4;
const rounds = 50;

/** What a report says of one model: the rest as if it were alone. */
function partOf(report: RunReport, id: number): RunReport {
  return { ...report, tensors: report.tensors.filter(({ model }) => model === id) };
}

export function severalModels({ machine, figures }: Ways): void {
  describe('several models in one process', () => {
    it('are placed and told apart, also twice the same file', async () => {
      await prepareCache(machine(), 'text', 'warm');
      const steps =
        `-m /models/text.gguf -t ${threads} libraries  load a /models/text.gguf context b a threads b 4 4 generate b 1 ` +
        'load c /models/demo.gguf context d c threads d 4 4 generate d 1 load e /models/text.gguf context f e threads f 4 4 generate f 1';
      const { report, result } = await runVerified(machine(), [modelHost, ...steps.split(' ')]);
      expect(result.exitCode, said(result)).toBe(0);
      expect(report.models.map(({ files }) => files)).toEqual([
        ['/models/text.gguf'],
        ['/models/demo.gguf'],
        ['/models/text.gguf'],
      ]);
      expect(result.stderr.toString()).toMatch(/^model 1: \/models\/demo\.gguf: /m);
      const [first, second, third] = result.stdout.toString().split('\n');
      expect(third, 'the same file says the same').toBe(first);
      expect(second).not.toBe(first);
      for (const { id, files } of report.models) {
        const tensors = await knownTensors(files[0] ?? '');
        const { byteLength, right, bound, worst } = judge(
          partOf(report, id),
          tensors,
          rowOwners(threads, nodes),
          nodes,
        );
        const line = `model ${id} of three, ${files}: ${percent(right)} right (bound ${percent(bound)}), worst ${percent(worst.local)}`;
        figures.add(line, { case: 'three models', files, right, bound, worst: worst.local });
        expect(byteLength, line).toBe(tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0));
        expect(right, line).toBeGreaterThanOrEqual(Math.min(0.995, bound - 0.0015));
        expect(worst.local, line).toBeGreaterThanOrEqual(0.98);
      }
      expect(report).toMatchObject({ verified: true, faults: [], absentBytes: 0, unknownBytes: 0 });
    });

    it(`loaded and freed ${rounds} times leave nothing, and the last is right`, async () => {
      const round =
        'load a /models/small-q8_0.gguf context b a threads b 4 2 lora b /models/small-lora.gguf generate b 1 ' +
        'load c /models/small-q4_K_M.gguf free c close b free a count';
      const loop = [modelHost, 'libraries', '', ...`repeat ${rounds} ${round} again`.split(' ')];
      const last = 'load a /models/text.gguf context b a threads b 4 4 generate b 1 shell'.split(' ');
      const env = { ...preload, GGML_NUMA_SHARD_MAP: '*:rows', GGML_NUMA_SHARD_THREADS: '0:1,1:1,2:1,3:1' };
      const verify = 'numashard verify $HOST --pages --json >/tmp/last.json';
      const placed = grownIn(await execOk(machine(), [...loop, ...last, verify], { env }));
      const line = `loaded and freed ${rounds} times, from the second to the last: ${JSON.stringify(placed)}`;
      figures.add(line, { case: 'load and free', placed });
      if (isThorough) {
        const plain = grownIn(await execOk(machine(), loop));
        figures.add(`by itself: ${JSON.stringify(plain)}`, { case: 'load and free, by itself', plain });
      }
      expect(placed.maps, line).toBeLessThanOrEqual(4);
      expect(placed.files, line).toBe(0);
      // llama.cpp's own heap grows by 2 MiB; one of the models that stays once would be as much again.
      expect(placed.residentKilobytes, line).toBeLessThan(3 * 1024);

      const report = JSON.parse((await machine().readFile('/tmp/last.json')).toString()) as RunReport;
      expect(report).toMatchObject({ faults: [], absentBytes: 0, unknownBytes: 0 });
      expect(report.models.map(({ files }) => files)).toEqual([['/models/text.gguf']]);
      const tensors = await knownTensors('/models/text.gguf');
      const { right, bound, worst } = judge(report, tensors, rowOwners(threads, nodes), nodes);
      const found = `the last of ${2 * rounds + 1}: ${percent(right)} right (bound ${percent(bound)}), worst ${percent(worst.local)}`;
      figures.add(found, { case: 'last', right, bound, worst: worst.local });
      expect(right, found).toBeGreaterThanOrEqual(bound - 0.0015);
      expect(worst.local, found).toBeGreaterThanOrEqual(0.98);
    });
  });
}

type Held = Readonly<Record<'maps' | 'residentKilobytes' | 'files', number>>;

/** What the process holds more after the last round than after the second. */
function grownIn({ stdout, seconds }: ExecResult): Held & { readonly seconds: number } {
  const lines = stdout.toString().split('\n');
  const counts = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Held);
  expect(counts).toHaveLength(rounds);
  const [, second, end] = [counts[0], counts[1], counts.at(-1)] as Held[];
  const grown = (key: keyof Held): number => (end?.[key] ?? 0) - (second?.[key] ?? 0);
  return {
    maps: grown('maps'),
    residentKilobytes: grown('residentKilobytes'),
    files: grown('files'),
    seconds,
  };
}
