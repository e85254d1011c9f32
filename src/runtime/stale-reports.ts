// SPDX-License-Identifier: MIT
// Reports that a killed process could not take with it (native/preload/report-file.c removes them at exit).
import { existsSync } from 'node:fs';
import { readdir, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Older files are left alone: their process may live in another container that shares this folder. Returns the ids of
 * the processes whose reports were removed.
 */
export async function removeStaleReports(directory: string, writtenSince: Date): Promise<number[]> {
  const names = await readdir(directory).catch(() => []);
  const removed = new Set<number>();
  for (const name of names) {
    const pid = /^(\d+)\.json(\.\d+\.tmp)?$/.exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    const path = join(directory, name);
    const written = (await stat(path).catch(() => null))?.mtime;
    if (!written || written < writtenSince) continue;
    await rm(path, { force: true });
    removed.add(Number(pid));
  }
  // Empty, it is of no use; otherwise it stays.
  await rmdir(directory).catch(() => {});
  return [...removed];
}
