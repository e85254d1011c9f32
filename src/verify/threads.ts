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
function parseStat(text: string): ThreadState | null {
  const end = text.lastIndexOf(')');
  if (end < 0) return null;
  const tid = Number.parseInt(text, 10);
  const fields = text.slice(end + 2).split(' ');
  const state = fields[0] ?? '';
  const cpu = Number(fields[36]);
  return Number.isInteger(tid) && Number.isInteger(cpu) ? { tid, state, cpu } : null;
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
