// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { readThreads, ThreadSamples, type ThreadState } from '../../src/verify/threads.js';
import { nobody } from './crafted.js';

describe('readThreads', () => {
  it('finds the threads of a process, each on a CPU', async () => {
    const threads = await readThreads(process.pid);
    expect(threads.map(({ tid }) => tid)).toContain(process.pid);
    for (const { state, cpu } of threads) {
      expect(state).toMatch(/^[A-Z]$/);
      expect(cpu).toBeGreaterThanOrEqual(0);
    }
  });

  it('finds none of a process that is gone', async () => expect(await readThreads(nobody)).toEqual([]));
});

describe('ThreadSamples', () => {
  const running = (tid: number, cpu: number, state = 'R'): ThreadState => ({ tid, cpu, state });
  const workers = new Set([1, 2]);

  it('counts where a worker ran while another one ran too', () => {
    const samples = new ThreadSamples();
    samples.add([running(1, 4), running(2, 9)]);
    samples.add([running(1, 5), running(2, 9)]);
    samples.add([running(1, 5), running(2, 9)]);
    // Alone it loads or prints; asleep, or beside a stranger, it does not compute.
    samples.add([running(1, 0), running(2, 0, 'S')]);
    samples.add([running(1, 0), running(3, 0)]);
    expect(samples.cpusOf(1, workers)).toEqual([
      [5, 2],
      [4, 1],
    ]);
    expect(samples.cpusOf(2, workers)).toEqual([[9, 3]]);
  });

  it('believes the only worker when it is alone', () => {
    const samples = new ThreadSamples();
    samples.add([running(1, 3)]);
    expect(samples.cpusOf(1, new Set([1]))).toEqual([[3, 1]]);
    expect(samples.cpusOf(1, workers)).toEqual([]);
  });

  it('keeps the last snapshots of a long run', () => {
    const samples = new ThreadSamples();
    for (let times = 0; times < 4096; times++) samples.add([running(1, 0)]);
    for (let times = 0; times < 2500; times++) samples.add([running(1, 7)]);
    const [most, ...others] = samples.cpusOf(1, new Set([1]));
    expect(most?.[0]).toBe(7);
    expect((most?.[1] ?? 0) + (others[0]?.[1] ?? 0)).toBeLessThanOrEqual(4096);
  });
});
