// SPDX-License-Identifier: MIT
// Which files a process has mapped where: /proc/PID/maps, as proc_pid_maps(5) has it.
import { readFile } from 'node:fs/promises';

export interface FileMapping {
  readonly start: number;
  readonly end: number;
  /** Of `start`, in bytes. */
  readonly fileOffset: number;
  readonly path: string;
}

/** Shared mappings of files; none when the process is gone or another user's. */
export async function readFileMappings(pid: number): Promise<FileMapping[]> {
  return parseFileMappings(await readFile(`/proc/${pid}/maps`, 'utf8').catch(() => ''));
}

/** Private mappings are left out: their pages may be copies. So is a deleted file: its path leads elsewhere. */
export function parseFileMappings(text: string): FileMapping[] {
  return text.split('\n').flatMap((line) => {
    const found = /^([0-9a-f]+)-([0-9a-f]+) ...s ([0-9a-f]+) \S+ [1-9]\d* +(\/.*)$/.exec(line);
    if (found === null || line.endsWith(' (deleted)')) return [];
    const [, start = '', end = '', fileOffset = '', path = ''] = found;
    // The kernel writes a line break in a name as \012, and only that.
    return [
      {
        start: Number.parseInt(start, 16),
        end: Number.parseInt(end, 16),
        fileOffset: Number.parseInt(fileOffset, 16),
        path: path.replaceAll('\\012', '\n'),
      },
    ];
  });
}
