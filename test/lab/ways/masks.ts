// SPDX-License-Identifier: MIT
// Threads that are not as many everywhere, and CPUs or nodes that the process may not use: pages and workers stay
// inside, on the nodes that are left, and where that cannot be it is said.
import { describe, expect, it } from 'vitest';
import { percent } from '../main-job/figures.js';
import {
  exec,
  numashardLines,
  oneToken,
  preload,
  prepareCache,
  runVerified,
  said,
} from '../main-job/guest.js';
import { judge, type RunReport, rowOwners } from '../main-job/judge.js';
import { modelHost } from './model-host.js';
import { allowedCpus, knownTensors, type Ways } from './ways.js';

const text = '/models/text.gguf';
const bench = ['llama-bench', '-m', text, ...oneToken];

export function masks({ machine, figures }: Ways): void {
  const judgeText = async (
    report: RunReport,
    workers: number,
    homes: readonly number[],
    what: string,
  ): Promise<void> => {
    const { right, bound, worst } = judge(
      report,
      await knownTensors(text),
      rowOwners(workers, { ids: homes, pageSize: 4096 }),
      4,
    );
    const line = `${what}: ${percent(right)} right (bound ${percent(bound)}), worst ${percent(worst.local)}`;
    figures.add(line, { case: what, right, bound, worst: worst.local });
    expect(right, line).toBeGreaterThanOrEqual(Math.min(0.995, bound - 0.0015));
    expect(worst.local, line).toBeGreaterThanOrEqual(workers === 8 ? 0.95 : 0.97);
  };

  describe('threads and masks', () => {
    it.each([
      ['a prompt last', 'generate b 1 prompt b 8'],
      ['generation last', 'prompt b 8 generate b 1'],
    ])('-tb 8 with -t 4, %s', async (what, steps) => {
      const words = `-m ${text} -t 4 -tb 8 libraries  load a ${text} context b a threads b 4 8 ${steps}`;
      const { report, result } = await runVerified(machine(), [modelHost, ...words.split(' ')]);
      expect(result.exitCode, said(result)).toBe(0);
      expect(report).toMatchObject({ faults: [], threads: { asked: 4 } });
      const last = what === 'a prompt last' ? 8 : 4;
      const homes = report.workers.filter(({ index }) => index < last).map(({ node }) => node);
      expect(homes).toEqual(last === 8 ? [0, 0, 1, 1, 2, 2, 3, 3] : [0, 1, 2, 3]);
      await judgeText(report, last, [0, 1, 2, 3], `-t 4 -tb 8, ${what}`);
    });

    it('under taskset: only the nodes of those CPUs', async () => {
      await prepareCache(machine(), 'text', 'cold');
      const { report, result } = await runVerified(machine(), [...bench, '-t', '4'], {
        before: ['taskset', '-c', '2-5'],
      });
      expect(result.exitCode, said(result)).toBe(0);
      expect(report).toMatchObject({ faults: [], threads: { asked: 4, seen: [4] } });
      expect(report.workers.map(({ node }) => node)).toEqual([1, 1, 2, 2]);
      await judgeText(report, 4, [1, 2], 'taskset to nodes 1 and 2');
    });

    it('in a cpuset: only its CPUs and its memory', async () => {
      await prepareCache(machine(), 'text', 'cold');
      const { report, result } = await runVerified(machine(), [...bench, '-t', '4'], {
        before: inCpuset('4-7', '2-3'),
      });
      expect(result.exitCode, said(result)).toBe(0);
      expect(report).toMatchObject({ faults: [], threads: { asked: 4, seen: [4] } });
      expect(report.workers.map(({ node }) => node)).toEqual([2, 2, 3, 3]);
      await judgeText(report, 4, [2, 3], 'cpuset of nodes 2 and 3');
      const other = (report as unknown as { other: { nodes: Record<string, number> }[] }).other;
      expect(
        other.flatMap(({ nodes }) => Object.keys(nodes)).every((node) => node === '2' || node === '3'),
      ).toBe(true);
    });

    it('in a cpuset whose CPUs and memory are on different nodes the model runs, and one line says so', async () => {
      const env = { ...preload, GGML_NUMA_SHARD_MAP: '*:rows' };
      const result = await exec(machine(), [...inCpuset('4-7', '0-1'), ...bench, '-t', '4'], { env });
      expect(result.exitCode, said(result)).toBe(0);
      expect(result.stdout.toString()).toContain('build_commit');
      expect(numashardLines(result)).toEqual([expect.stringContaining('no node')]);
    });

    it.each([
      ['wide enough and strict: one CPU a worker', '0x55', '1', [[0], [2], [4], [6]], false],
      ['too narrow: inside all the same, and said', '0x0f', '0', null, true],
    ] as const)('--cpu-mask %s', async (_what, mask, strict, cpus, isSaid) => {
      const env = { ...preload, GGML_NUMA_SHARD_MAP: '*:rows', GGML_NUMA_SHARD_REPORT: '/tmp/mask.json' };
      const words = [...bench, '-t', '4', '-C', mask, '--cpu-strict', strict];
      const result = await exec(machine(), words, { env });
      expect(result.exitCode, said(result)).toBe(0);
      const report = JSON.parse((await machine().readFile('/tmp/mask.json')).toString());
      const workers = report.workers.sort((a: { index: number }, b: { index: number }) => a.index - b.index);
      const seen = workers.map((worker: { cpus: number[] }) => worker.cpus);
      if (cpus) expect(seen).toEqual(cpus);
      expect(
        seen.flat().every((cpu: number) => allowedCpus(mask).includes(cpu)),
        JSON.stringify(seen),
      ).toBe(true);
      expect(numashardLines(result)).toEqual(
        isSaid ? [expect.stringMatching(/mask .* worker \d .* node [23]/)] : [],
      );
    });
  });
}

/** A command in a cgroup that may use these CPUs and these nodes' memory. */
function inCpuset(cpus: string, memory: string): string[] {
  const group = '/sys/fs/cgroup/ways';
  const script = `mkdir -p ${group} && echo +cpuset >/sys/fs/cgroup/cgroup.subtree_control && echo ${cpus} >${group}/cpuset.cpus &&
    echo ${memory} >${group}/cpuset.mems && echo $$ >${group}/cgroup.procs && exec "$@"`;
  return ['sh', '-c', script, 'sh'];
}
