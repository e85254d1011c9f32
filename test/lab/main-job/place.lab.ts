// SPDX-License-Identifier: MIT
// `numashard place`: the page cache lies where a stock `llama-bench --numa distribute` reads it. The program runs by itself
// and is looked at from outside, or under `--map observe`, which changes nothing; the kernel says where pages and threads
// are, an own judge what is local.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { Figures, percent } from './figures.js';
import {
  bootWithModels,
  type Cache,
  exec,
  execOk,
  isThorough,
  oneToken,
  prepareCache,
  readModel,
  runVerified,
  said,
} from './guest.js';
import { distributeOwners, judge } from './judge.js';

const threads = 8;
const nodes = 4;
const models = ['dense-q8_0', 'moe-q8_0'] as const;
const wantedRows = 0.98;
/** By chance a quarter is local. */
const farBelow = 0.6;

const figures = new Figures('place');
let machine: LabMachine;

beforeAll(async () => {
  machine = await bootWithModels(models);
});

afterAll(async () => {
  figures.save();
  await machine?.stop();
});

async function observe(model: (typeof models)[number], what: string, flags: readonly string[]) {
  const { tensors } = await readModel(model);
  const command = ['llama-bench', '-m', `/models/${model}.gguf`, '-t', `${threads}`, ...flags, ...oneToken];
  const { report, result } = await runVerified(machine, [...command, '--repack', '0'], {
    flags: ['--map', 'observe'],
  });
  expect(result.exitCode, said(result)).toBe(0);
  expect(report).toMatchObject({ map: 'observe', movedPages: 0, residency: 'page-cache' });
  expect(report.workers.map(({ index }) => index)).toEqual(Array.from({ length: threads }, (_, i) => i));
  const judged = judge(report, tensors, distributeOwners(threads, nodes), nodes);
  const { local, worst, worstWorker } = judged;
  const line = `${model} -t ${threads}, ${what}: rows ${percent(local)} local, worst worker ${percent(worstWorker)}, worst tensor ${percent(worst.local)} (${worst.tensor}), ${result.seconds.toFixed(1)} s`;
  figures.add(line, { model, threads, what, local, worstWorker, worst, seconds: result.seconds });
  return { ...judged, report, line };
}

const distribute = ['--numa', 'distribute'];

describe('without place, on a warm cache', () => {
  it.each([
    ['no flag', []],
    ['--numa distribute', distribute],
  ])('%s reads most rows from other nodes', async (what, flags) => {
    await prepareCache(machine, 'dense-q8_0', 'warm');
    const { local, line } = await observe('dense-q8_0', `warm cache, ${what}`, flags);
    expect(local, line).toBeLessThan(farBelow);
  });
});

const placings: readonly (readonly [model: (typeof models)[number], cache: Cache])[] = [
  ['dense-q8_0', 'cold'],
  // Finds all pages on one node and has to move them.
  ['moe-q8_0', 'warm'],
  ...(isThorough
    ? ([
        ['dense-q8_0', 'warm'],
        ['moe-q8_0', 'cold'],
      ] as const)
    : []),
];

describe('after place', () => {
  it.each(placings)('%s on a %s cache, --numa distribute reads its own node', async (model, cache) => {
    await prepareCache(machine, model, cache);
    const { stdout } = await execOk(machine, [
      ...['numashard', 'place', `/models/${model}.gguf`, '--threads', `${threads}`, '--json'],
    ]);
    const placed = JSON.parse(stdout.toString());
    expect(placed).toMatchObject({ map: `*:cyclic(${threads})`, absentBytes: 0, unknownBytes: 0 });
    if (cache === 'warm') expect(placed.pages.movedPages + placed.pages.droppedPages).toBeGreaterThan(1000);
    const { worstWorker, line, report } = await observe(model, `placed on a ${cache} cache`, distribute);
    expect(worstWorker, line).toBeGreaterThanOrEqual(wantedRows);
    // The threads are where llama.cpp put them, not we.
    expect(report.workers.map(({ index, node }) => [index, node])).toEqual(
      Array.from({ length: threads }, (_, index) => [index, index % nodes]),
    );
  });
});

describe('a llama-bench that never heard of us', () => {
  const model = 'dense-q8_0';

  it('reads its own node after place, by the kernel’s word on pages and threads', async () => {
    const { tensors } = await readModel(model);
    await prepareCache(machine, model, 'warm');
    await execOk(machine, ['numashard', 'place', `/models/${model}.gguf`, '--threads', `${threads}`]);
    const command = `llama-bench -m /models/${model}.gguf -t ${threads} --numa distribute --repack 0 -p 0 -n 4000 -r 1 --no-warmup`;
    // All but the calling thread keep the mask of their node once a graph has begun.
    const pinnedNow = `cat /proc/$pid/task/*/status | grep -cE 'Cpus_allowed_list:.(0-1|2-3|4-5|6-7)$'`;
    const result = await exec(
      machine,
      `${command} >/dev/null 2>/tmp/stock.log & pid=$!
       until [ $(${pinnedNow}) -ge ${threads - 1} ] || ! kill -0 $pid; do sleep 0.2; done
       numashard verify $pid --json --pages >/tmp/stock.json; echo "verify $?"
       for task in $(ls /proc/$pid/task | sort -n); do
         echo "task $task $(sed -n 's/^Cpus_allowed_list:.//p' /proc/$pid/task/$task/status)"
       done
       grep -c -e numashard -e LD_PRELOAD /proc/$pid/maps /proc/$pid/environ
       kill -KILL $pid`,
    );
    const told = said(result);
    expect(told).toContain('verify 0\n');
    expect(told).toMatch(/maps:0\n.*environ:0$/);
    const report = JSON.parse((await machine.readFile('/tmp/stock.json')).toString());
    expect(report).toMatchObject({
      map: `*:cyclic(${threads})`,
      faults: [],
      absentBytes: 0,
      unknownBytes: 0,
    });
    // Workers as the kernel lists their threads here, not as verify has them.
    const masks = [...told.matchAll(/^task (\d+) (0-1|2-3|4-5|6-7)$/gm)];
    const pinned = masks
      .filter(([, tid]) => Number(tid) !== report.pid)
      .map(([, , mask = '']) => Number(mask[0]) / 2);
    // The calling thread is free between two graphs: it is where it was caught at work.
    const [caller] = report.workers;
    expect(caller.tid).toBe(report.pid);
    expect(caller.seen, 'times that the calling thread was caught at work').toBeGreaterThan(0);
    const found: readonly (number | null)[] = [caller.node, ...pinned];
    expect(found, told).toEqual(Array.from({ length: threads }, (_, index) => index % nodes));
    const workers = found.map((node, index) => ({ index, node }));
    const { local, worstWorker } = judge(
      { ...report, workers },
      tensors,
      distributeOwners(threads, nodes),
      nodes,
    );
    const line = `${model} -t ${threads}, placed, no preload at all: rows ${percent(local)} local, worst worker ${percent(worstWorker)}`;
    figures.add(line, { model, threads, what: 'no preload', local, worstWorker });
    expect(worstWorker, line).toBeGreaterThanOrEqual(wantedRows);
  });
});

describe('place', () => {
  it('moves nothing the second time', async () => {
    const again = ['numashard', 'place', '/models/moe-q8_0.gguf', '--threads', `${threads}`, '--json'];
    await execOk(machine, again);
    const { stdout } = await execOk(machine, again);
    expect(JSON.parse(stdout.toString()).pages).toMatchObject({
      readPages: 0,
      movedPages: 0,
      droppedPages: 0,
    });
  });
});
