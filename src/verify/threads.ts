// SPDX-License-Identifier: MIT
// On which CPU the threads of a process run, from /proc/PID/task/TID/stat: the kernel's word, not ours.
import { readdir, readFile } from 'node:fs/promises';
import { readStat } from '../runtime/process-stat.js';

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
  const states = await Promise.all(tids.map(async (tid) => readStat(`${directory}/${tid}/stat`)));
  return states.flatMap((stat) => (stat === null ? [] : { tid: stat.id, state: stat.state, cpu: stat.cpu }));
}

/**
 * A process and all that it started, that these started, and so on; `known` are looked at too, where they still run, so
 * that what lost its parent is not lost. Needs a kernel with CONFIG_PROC_CHILDREN, as distributions have it.
 */
export async function readProcessTree(known: readonly number[]): Promise<number[]> {
  const found = new Set<number>();
  const look = async (pid: number): Promise<void> => {
    if (found.has(pid)) return;
    const tids = await readdir(`/proc/${pid}/task`).catch(() => null);
    if (tids === null) return;
    found.add(pid);
    const read = (tid: string) => readFile(`/proc/${pid}/task/${tid}/children`, 'utf8').catch(() => '');
    const children = (await Promise.all(tids.map(read))).join(' ').trim();
    if (children !== '') await Promise.all(children.split(/\s+/).map((child) => look(Number(child))));
  };
  await Promise.all(known.map(look));
  return [...found];
}

/** Snapshots kept: minutes at ten a second; of a long run the last ones speak. */
const maxSnapshots = 4096;

/** Where the threads of a process were, snapshot after snapshot. */
export class ThreadSamples {
  #snapshots: (readonly ThreadState[])[] = [];

  add(states: readonly ThreadState[]): void {
    this.#snapshots.push(states);
    if (this.#snapshots.length > maxSnapshots) this.#snapshots = this.#snapshots.slice(maxSnapshots / 2);
  }

  /**
   * CPU → times that a worker was seen running there while it computed: in snapshots in which another worker ran
   * too. The calling thread also loads and prints, and is then on any CPU. Most seen first.
   */
  cpusOf(tid: number, workers: ReadonlySet<number>): [cpu: number, times: number][] {
    const times = new Map<number, number>();
    for (const states of this.#snapshots) {
      const running = states.filter((thread) => thread.state === 'R' && workers.has(thread.tid));
      const self = running.find((thread) => thread.tid === tid);
      if (!self || (running.length < 2 && workers.size > 1)) continue;
      times.set(self.cpu, (times.get(self.cpu) ?? 0) + 1);
    }
    return [...times].sort((a, b) => b[1] - a[1]);
  }
}
