// SPDX-License-Identifier: MIT
// Opens a model file for reading without ever blocking: only regular files, each refusal with its reason.
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { NumashardError } from '../errors.js';

export interface OpenedFile {
  readonly handle: FileHandle;
  readonly byteLength: number;
  /** Time of the last change, in milliseconds. */
  readonly modified: number;
}

/** The caller closes `handle`. */
export async function openRegularFile(path: string): Promise<OpenedFile> {
  // stat before open: opening a FIFO, a tape or a terminal can block or have effects.
  requireRegularFile(path, await stat(path).catch((cause) => refuse(path, cause)));
  // O_NONBLOCK in case the path was exchanged for a FIFO in between; no effect on a regular file.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((cause) =>
    refuse(path, cause),
  );
  try {
    const stats = await handle.stat();
    requireRegularFile(path, stats);
    return { handle, byteLength: stats.size, modified: stats.mtimeMs };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function requireRegularFile(path: string, stats: Stats): void {
  if (stats.isFile()) return;
  throw new NumashardError('not-a-regular-file', `${path} is ${kindOf(stats)}, not a regular file`, {
    hint: stats.isDirectory()
      ? 'name one .gguf file inside the directory'
      : 'a model is mapped into memory, so it must be a file on disk',
  });
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  if (stats.isCharacterDevice()) return 'a character device';
  if (stats.isBlockDevice()) return 'a block device';
  return 'something else';
}

const reasons: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  ENOENT: ['no such file', 'check the path; a relative path starts at the current directory'],
  ENOTDIR: ['a part of the path is not a directory', 'check the path'],
  EACCES: ['permission denied', 'check the permissions of the file and of the directories above it'],
  EPERM: ['permission denied', 'check the permissions of the file and of the directories above it'],
  ELOOP: ['too many symbolic links', 'check for a link that points at itself'],
  ENAMETOOLONG: ['the path is too long', 'check the path'],
  EMFILE: ['too many open files', 'raise the limit: ulimit -n'],
};

export function refuse(path: string, cause: unknown): never {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
  const [what, hint] = reasons[code] ?? [code, undefined];
  throw new NumashardError('file-unreadable', `cannot read ${path}: ${what}`, {
    cause,
    ...(hint === undefined ? {} : { hint }),
  });
}
