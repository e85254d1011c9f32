// SPDX-License-Identifier: MIT
// On which CPU the threads of a process run, from /proc/PID/task/TID/stat: the kernel's word, not ours.
import { readdir, readFile } from 'node:fs/promises';

export interface ThreadState {
  readonly tid: number;
  /** R running, S sleeping, … (proc(5)). */
  readonly state: string;
  /** The CPU it last ran on. */
  readonly cpu: number;
}

/** Threads of a process; none when it is gone. */
export async function readThreads(pid: number): Promise<ThreadState[]> {
  const directory = `/proc/${pid}/task`;
  const tids = await readdir(directory).catch(() => []);
  const states = await Promise.all(
    tids.map(async (tid) => parseStat(await readFile(`${directory}/${tid}/stat`, 'utf8').catch(() => ''))),
  );
  return states.filter((state) => state !== null);
}

/** Field 3 is the state, field 39 the CPU; the name in field 2 may hold anything, so count after its ')'. */
export function parseStat(text: string): ThreadState | null {
  const end = text.lastIndexOf(')');
  if (end < 0) return null;
  const tid = Number.parseInt(text, 10);
  const fields = text.slice(end + 2).split(' ');
  const state = fields[0] ?? '';
  const cpu = Number(fields[36]);
  return Number.isInteger(tid) && Number.isInteger(cpu) ? { tid, state, cpu } : null;
}

/** How often each thread was seen running on each CPU: tid → CPU → times. */
export class ThreadSamples {
  readonly #times = new Map<number, Map<number, number>>();

  /** A thread that runs counts; one that sleeps counts only while nothing better is known of it. */
  add(states: readonly ThreadState[]): void {
    for (const { tid, state, cpu } of states) {
      const times = this.#times.get(tid) ?? new Map<number, number>();
      this.#times.set(tid, times);
      times.set(cpu, (times.get(cpu) ?? 0) + (state === 'R' ? 1000 : 1));
    }
  }

  /** CPU → weight, most seen first. */
  cpusOf(tid: number): [cpu: number, weight: number][] {
    return [...(this.#times.get(tid) ?? [])].sort((a, b) => b[1] - a[1]);
  }
}
