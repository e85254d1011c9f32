// SPDX-License-Identifier: MIT
// Page-cache residency, on Linux 6.1 and on unstable's kernel with its large folios: from a cold cache, from one that
// lies on wrong nodes, and started a second time.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootMachine } from '../../../src/lab/boot.js';
import { demoModelFile } from '../../../src/lab/demo-model-file.js';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { setting } from '../setting.js';
import { Figures, percent } from './figures.js';
import { explainedBound, oneToken, prepareCache, readModel, runVerified, said } from './guest.js';
import { judge, type RunReport, rowOwners } from './judge.js';

const nodes = 4;
const model = 'dense-q8_0';
const bench = ['llama-bench', '-m', `/models/${model}.gguf`, '-t', '4', ...oneToken];
const wanted = { right: 0.995, belowBound: 0.0015, rows: 0.98 };
const kernels = ['6.1', 'unstable'] as const;

const figures = new Figures('residency');
let machine: LabMachine;
afterAll(() => figures.save());

describe.each(kernels)('Linux %s', (kernel) => {
  beforeAll(async () => {
    const models = [await demoModelFile(model, setting.cacheDirectory)];
    machine = await bootMachine({ machine: 'x86-4n', kernel, models, project: true, ...setting });
  });
  afterAll(() => machine?.stop());

  const start = async (what: string, flags: readonly string[]): Promise<RunReport & Residency> => {
    const { report, result } = await runVerified(machine, bench, { flags });
    expect(result.exitCode, said(result)).toBe(0);
    await expectRight(report, `Linux ${kernel}, ${what}`);
    return report as RunReport & Residency;
  };
  const asked = ['--residency', 'page-cache'];

  it('from a cold cache', async () => {
    await prepareCache(machine, model, 'cold');
    const report = await start('cold', asked);
    expect(report).toMatchObject({ residency: 'page-cache', residencyReason: 'asked' });
    // All but what was read with the file's head.
    expect(report.readPages).toBeGreaterThan(0.9 * pagesOf(report));
  });

  it('a second start moves nothing and reads nothing, and without being asked keeps the cache', async () => {
    const again = await start('second start', asked);
    expect(again).toMatchObject({ residency: 'page-cache', movedPages: 0, readPages: 0 });
    const unasked = await start('second start, nothing asked', []);
    const inPlace = { residency: 'page-cache', residencyReason: 'in place' };
    expect(unasked).toMatchObject({ ...inPlace, movedPages: 0, readPages: 0 });
  });

  it('from a cache on one wrong node, in large folios where the kernel makes them', async () => {
    await prepareCache(machine, model, 'warm');
    const report = await start('warm', asked);
    expect(report.residency).toBe('page-cache');
    expect(report.movedPages).toBeGreaterThan(0.5 * pagesOf(report));
  });
});

interface Residency {
  readonly residencyReason: string;
  readonly readPages: number;
}

function pagesOf({ placedBytes }: RunReport): number {
  return placedBytes / 4096;
}

async function expectRight(report: RunReport, what: string): Promise<void> {
  const { tensors, path } = await readModel(model);
  const judged = judge(report, tensors, rowOwners(4, nodes), nodes);
  const { right, bound, worst } = judged;
  const seen = report.workers.map((worker) => worker.seen);
  const line = `${what}: ${percent(right)} right (bound ${percent(bound)}), worst ${percent(worst.local)} (${worst.tensor}), moved ${report.movedPages}, workers seen ${seen.join(' ')} times`;
  figures.add(line, { what, right, bound, worst, movedPages: report.movedPages, seen });
  const explained = explainedBound('*:rows', path, '0:1,1:1,2:1,3:1');
  expect(report, line).toMatchObject({ verified: true, faults: [], absentBytes: 0, unknownBytes: 0 });
  expect(right, line).toBeGreaterThanOrEqual(Math.min(wanted.right, explained - wanted.belowBound));
  expect(worst.local, line).toBeGreaterThanOrEqual(wanted.rows);
}
