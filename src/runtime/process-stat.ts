// SPDX-License-Identifier: MIT
// One line of /proc/PID/stat or /proc/PID/task/TID/stat: proc_pid_stat(5).
import { readFile } from 'node:fs/promises';

export interface ProcessStat {
  readonly id: number;
  /** R running, S sleeping, … */
  readonly state: string;
  /** Clock ticks since boot at which it began. */
  readonly startTicks: number;
  /** The CPU it last ran on. */
  readonly cpu: number;
}

/** null: gone, or another user's. */
export async function readStat(path: string): Promise<ProcessStat | null> {
  return parseStat(await readFile(path, 'utf8').catch(() => ''));
}

/** Fields 3, 22 and 39; the name in field 2 may hold anything, so count after its ')'. */
function parseStat(text: string): ProcessStat | null {
  const end = text.lastIndexOf(')');
  if (end < 0) return null;
  const fields = text.slice(end + 2).split(' ');
  const [id, startTicks, cpu] = [Number.parseInt(text, 10), Number(fields[19]), Number(fields[36])];
  if (![id, startTicks, cpu].every(Number.isInteger)) return null;
  return { id, state: fields[0] ?? '', startTicks, cpu };
}
