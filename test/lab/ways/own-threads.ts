// SPDX-License-Identifier: MIT
// ggml's own threads, as node-llama-cpp's libraries have them, new for every graph or kept in a pool, in a program
// that sets no `numa` option: the figures are those of OpenMP builds.
import { describe, expect, it } from 'vitest';
import { percent } from '../main-job/figures.js';
import { type Cache, isThorough, prepareCache, readModel, runVerified, said } from '../main-job/guest.js';
import { judge, rowOwners } from '../main-job/judge.js';
import { modelHost } from './model-host.js';
import type { Ways } from './ways.js';

const nodes = 4;
export const ownThreadsModels = [
  'text',
  'demo',
  ...(isThorough ? (['dense-q8_0', 'moe-q4_K_M'] as const) : []),
] as const;
type Threading = 'new for each graph' | 'in a pool';
const runs: readonly (readonly [(typeof ownThreadsModels)[number], number, Cache, Threading])[] = [
  ['text', 4, 'warm', 'new for each graph'],
  ['demo', 4, 'cold', 'in a pool'],
  ...(isThorough
    ? ([
        ['dense-q8_0', 8, 'cold', 'in a pool'],
        ['dense-q8_0', 8, 'warm', 'new for each graph'],
        ['moe-q4_K_M', 8, 'cold', 'new for each graph'],
        ['moe-q4_K_M', 8, 'warm', 'in a pool'],
      ] as const)
    : []),
];

export function ownThreads({ machine, figures }: Ways): void {
  describe("node-llama-cpp's libraries", () => {
    it.each(runs)('%s -t %i, page cache %s, threads %s', async (name, threads, cache, threading) => {
      const { tensors } = await readModel(name);
      await prepareCache(machine(), name, cache);
      const path = `/models/${name}.gguf`;
      const pool = threading === 'in a pool' ? `pool b ${threads}` : '';
      const steps = `libraries /models load a ${path} context b a threads b ${threads} ${threads} ${pool} generate b 1`;
      const command = [modelHost, '-m', path, '-t', `${threads}`, ...steps.split(' ').filter(Boolean)];
      const { report, result } = await runVerified(machine(), command);
      expect(result.exitCode, said(result)).toBe(0);
      const judged = judge(report, tensors, rowOwners(threads, nodes), nodes);
      const { right, bound, local, worst, worstWorker, repackedTensors } = judged;
      const line =
        `own threads ${threading}, ${name} -t ${threads} ${cache}: ${percent(right)} right (bound ${percent(bound)}), ` +
        `rows ${percent(local)} local, worst ${percent(worst.local)} (${worst.tensor}, worker ${worst.worker}), ` +
        `${repackedTensors} repacked, ${result.seconds.toFixed(1)} s`;
      figures.add(line, { threading, model: name, threads, cache, ...judged, seconds: result.seconds });
      expect(repackedTensors > 0, line).toBe(name !== 'text' && name !== 'dense-q8_0');
      expect(right, line).toBeGreaterThanOrEqual(Math.min(0.995, bound - 0.0015));
      expect(worst.local, line).toBeGreaterThanOrEqual(0.98);
      expect(worstWorker, line).toBeGreaterThanOrEqual(0.98);
      expect(report).toMatchObject({
        verified: true,
        faults: [],
        map: '*:rows',
        absentBytes: 0,
        unknownBytes: 0,
      });
      expect(report.threads).toEqual({ asked: threads, seen: [threads] });
    });
  });
}
