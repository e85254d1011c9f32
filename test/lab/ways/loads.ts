// SPDX-License-Identifier: MIT
// Every way to load, KV and compute buffers that a rule names, and huge pages: where it lies is as asked.
import { describe, expect, it } from 'vitest';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { buildDemoModel, type DemoModelSpec } from '../../../src/lab/models.js';
import { cachedModel } from '../cached-model.js';
import { percent } from '../main-job/figures.js';
import { execOk, isThorough, oneToken, prepareCache, runVerified, said } from '../main-job/guest.js';
import { judge, type ReportedTensor, rowOwners } from '../main-job/judge.js';
import { modelHost } from './model-host.js';
import { knownTensors, tensorsOf, type Ways } from './ways.js';

/** `none` is tested in buffers.lab.ts, and what loads as `mmap` everywhere. */
const modes = ['dio', 'mmap+mlock', ...(isThorough ? ['none', 'mmap', 'mlock'] : [])];

/** Few and large matrices: a slice for each of two nodes holds a dozen huge pages. */
const wideSpec: DemoModelSpec = {
  kind: 'dense',
  embedding: 1024,
  layers: 1,
  feedForward: 49_152,
  experts: 0,
  expertsUsed: 0,
  heads: 16,
  vocabulary: 512,
  quantization: 'q8_0',
  tokenizer: false,
  seed: 1,
};

export function wideModel(): Promise<string> {
  return cachedModel(wideSpec, 'wide.gguf', (path) => buildDemoModel(path, wideSpec));
}

interface ReportedBuffer {
  readonly name: string;
  readonly byteLength: number;
  readonly nodes: Readonly<Record<string, number>>;
}

export function loads({ machine, figures }: Ways): void {
  describe('every way to load', () => {
    it.each(modes)('-lm %s', async (mode) => {
      await prepareCache(machine(), 'demo', 'warm');
      const bench = ['llama-bench', '-m', '/models/demo.gguf', '-t', '4', '-lm', mode, ...oneToken];
      const { report, result } = await runVerified(machine(), bench);
      expect(result.exitCode, said(result)).toBe(0);
      const { right, bound, worst } = judge(
        report,
        await knownTensors('/models/demo.gguf'),
        rowOwners(4, 4),
        4,
      );
      const line = `-lm ${mode}: ${percent(right)} right (bound ${percent(bound)}), worst ${percent(worst.local)}`;
      figures.add(line, { case: `-lm ${mode}`, right, bound, worst: worst.local });
      expect(right, line).toBeGreaterThanOrEqual(Math.min(0.995, bound - 0.0015));
      expect(worst.local, line).toBeGreaterThanOrEqual(0.98);
      expect(report).toMatchObject({ faults: [], absentBytes: 0, unknownBytes: 0 });
    });

    it('puts KV and compute buffers where name= rules say', async () => {
      const map = 'name=cache_k_l*:2,name=cache_v_l0:interleave(0,1),name=compute:3,*:rows';
      const steps = `-m /models/text.gguf -t 4 libraries  load a /models/text.gguf context b a threads b 4 4 generate b 1`;
      const { report, result } = await runVerified(machine(), [modelHost, ...steps.split(' ')], {
        flags: ['--map', map],
      });
      expect(result.exitCode, said(result)).toBe(0);
      expect(report).toMatchObject({ map, faults: [] });
      const { other } = report as unknown as { other: readonly ReportedBuffer[] };
      const line = JSON.stringify(other.map(({ name, byteLength, nodes }) => [name, byteLength, nodes]));
      const named = (pattern: RegExp) => other.filter(({ name }) => pattern.test(name));
      expect(named(/^cache_k_l\d+$/), line).toHaveLength(7);
      for (const { byteLength, nodes } of named(/^cache_k_l\d+$/))
        expect(nodes, line).toEqual({ 2: byteLength });
      const [value] = named(/^cache_v_l0$/);
      expect(Object.keys(value?.nodes ?? {}), line).toEqual(['0', '1']);
      expect(named(/^cache_v_l/), line).toHaveLength(1);
      const [compute] = named(/^compute$/);
      // Its first and last page may hold other heap too.
      expect(compute?.nodes['3'], line).toBeGreaterThanOrEqual((compute?.byteLength ?? 0) - 8192);
      const [kv] = named(/^kv$/);
      expect(Object.keys(kv?.nodes ?? {}), 'what no rule names is interleaved').toEqual(['0', '1', '2', '3']);
    });

    it('uses huge pages inside slices', async () => {
      const { stdout } = await execOk(machine(), ['cat', '/sys/kernel/mm/transparent_hugepage/enabled']);
      expect(stdout.toString()).not.toContain('[never]');
      const path = '/models/wide.gguf';
      const steps = `-m ${path} -t 2 libraries  load a ${path} context b a threads b 2 2 generate b 1 shell`;
      const command = [modelHost, ...steps.split(' '), 'cat /proc/$HOST/smaps >/tmp/smaps'];
      const { report, result } = await runVerified(machine(), command, {
        flags: ['--map', '*:rows(0,1)'],
        env: { GGML_NUMA_SHARD_RESIDENCY: 'private' },
      });
      expect(result.exitCode, said(result)).toBe(0);
      const { right, bound, worst } = judge(report, await tensorsOf(await wideModel()), rowOwners(2, 2), 2);
      const { all, huge } = await privateBytes(machine(), report.tensors);
      const line = `huge pages: ${percent(huge / all)} of ${Math.round(all / 2 ** 20)} MiB; ${percent(right)} right (bound ${percent(bound)}), worst ${percent(worst.local)}`;
      figures.add(line, { case: 'huge pages', all, huge, right, bound, worst: worst.local });
      expect(all, line).toBeGreaterThan(150 * 2 ** 20);
      expect(huge, line).toBeGreaterThanOrEqual(0.8 * all);
      expect(right, line).toBeGreaterThanOrEqual(Math.min(0.995, bound - 0.0015));
      expect(worst.local, line).toBeGreaterThanOrEqual(0.98);
    });
  });
}

/** Anonymous and huge bytes of all mappings in which a weight lies, from /tmp/smaps. */
async function privateBytes(
  machine: LabMachine,
  tensors: readonly ReportedTensor[],
): Promise<{ all: number; huge: number }> {
  const text = (await machine.readFile('/tmp/smaps')).toString();
  let [all, huge] = [0, 0];
  for (const block of text.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const [, start = '0', end = '0'] = /^([0-9a-f]+)-([0-9a-f]+) /.exec(block) ?? [];
    const [from, to] = [Number.parseInt(start, 16), Number.parseInt(end, 16)];
    if (!tensors.some(({ address, byteLength }) => address < to && address + byteLength > from)) continue;
    const field = (name: string): number =>
      1024 * Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(block)?.[1] ?? 0);
    all += field('Anonymous');
    huge += field('AnonHugePages');
  }
  return { all, huge };
}
