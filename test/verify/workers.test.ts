// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { ThreadSamples } from '../../src/verify/threads.js';
import { homesOf, locateWorkers, unseenWarnings } from '../../src/verify/workers.js';
import { craftReport, neverSeen, nodesOfEight } from './crafted.js';

const topology = nodesOfEight(2);

describe('locateWorkers', () => {
  it('believes samples over the last CPU, and that over what the worker said', () => {
    const report = craftReport({}, [0, 0, 0]);
    const samples = new ThreadSamples();
    const at = (tid: number, cpu: number) => ({ tid, cpu, state: 'R' });
    samples.add([at(101, 9), at(100, 1)]);
    samples.add([at(101, 9), at(100, 1)]);
    samples.add([at(101, 2), at(100, 1)]);
    const lastCpus = new Map([
      [101, 0],
      [102, 15],
    ]);
    expect(locateWorkers({ report, topology, samples, lastCpus })).toEqual([
      { index: 0, tid: 100, node: 0, cpus: [1], seen: 3 },
      { index: 1, tid: 101, node: 1, cpus: [2, 9], seen: 3 },
      { index: 2, tid: 102, node: 1, cpus: [15], seen: 0 },
    ]);
  });

  it('does not take the last CPU of the calling thread, whose mask is put back after a graph', () => {
    const sources = { report: craftReport({}, [1]), topology, samples: neverSeen };
    expect(locateWorkers({ ...sources, lastCpus: new Map([[100, 0]]) })[0]).toMatchObject({ node: 1 });
  });

  it('does not take where a worker was before it was pinned where it is now', () => {
    const at = (cpu: number) => [100, 101].map((tid) => ({ tid, cpu: tid === 100 ? 0 : cpu, state: 'R' }));
    const samples = new ThreadSamples();
    for (const cpu of [9, 9, 1]) samples.add(at(cpu));
    const sources = { report: craftReport({}, [0, 0]), topology, samples, lastCpus: new Map([[101, 1]]) };
    expect(locateWorkers(sources)[1]).toMatchObject({ node: 1, seen: 3 });
    const masks = new Map([[101, [0, 1, 2, 3]]]);
    expect(locateWorkers({ ...sources, masks })[1]).toMatchObject({ node: 0, seen: 1 });
  });

  it('says so when a CPU is on no node', () => {
    const report = craftReport({ workers: [{ index: 0, threads: 1, tid: 1, node: 0, cpus: [999] }] });
    const found = locateWorkers({ report, topology, samples: neverSeen, lastCpus: new Map() });
    expect(found).toEqual([{ index: 0, tid: 1, node: null, cpus: [999], seen: 0 }]);
  });
});

it('unseenWarnings names the workers that read rows and were never caught', () => {
  const workers = [3, 0, 0, 0].map((seen, index) => ({ index, seen }));
  expect(unseenWarnings(workers, 3)).toEqual([
    { code: 'worker-unseen', message: expect.stringContaining('workers 1, 2 never caught at work') },
  ]);
  expect(unseenWarnings(workers, 1)).toEqual([]);
});

describe('homesOf', () => {
  const workers = [0, 1, 1, 0].map((node, index) => ({ index, tid: index, node, cpus: [], seen: 0 }));

  it('goes by the count for which rows were cut, if that count was seen', () => {
    const report = craftReport({ threads: { asked: null, seen: [2, 4] }, placedWorkers: 4 });
    expect(homesOf(report, workers)).toEqual([0, 1, 1, 0]);
    expect(homesOf({ ...report, placedWorkers: 3 }, workers)).toEqual([0, 1]);
  });

  it('goes by the last graph where that had another number of workers, as prompts have under -tb', () => {
    const worker = (index: number, count: number) => ({
      index,
      threads: count,
      tid: index + 1,
      node: 0,
      cpus: [],
    });
    const last = (counts: readonly number[]) =>
      craftReport({
        threads: { asked: 4, seen: [2, 4] },
        placedWorkers: 4,
        workers: counts.map((count, index) => worker(index, count)),
      });
    expect(homesOf(last([4, 4, 4, 4]), workers)).toEqual([0, 1, 1, 0]);
    // Workers 0 and 1 were two of two, and lived elsewhere than two of four do.
    expect(homesOf(last([2, 2, 4, 4]), workers)).toEqual([0, 1]);
  });

  it('knows nobody where nobody was seen', () => {
    expect(homesOf(craftReport({ threads: 'not reached', placedWorkers: 4 }), workers)).toEqual([]);
  });

  it('leaves a gap where a worker is missing', () => {
    const report = craftReport({ threads: { asked: 2, seen: [2] }, placedWorkers: 2 });
    expect(homesOf(report, workers.slice(1))).toEqual([null, 1]);
  });
});
