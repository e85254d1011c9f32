// SPDX-License-Identifier: MIT
// Which file a command runs: as execvp(3) looks for it, and through the first line of a script as execve(2) reads it.
import { access, constants, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadAt } from './elf.js';

/** What execvp(3) takes where PATH is not set. */
const defaultPath = '/bin:/usr/bin';
/** Longest first line of a script: BINPRM_BUF_SIZE of linux/binfmts.h. */
const maxFirstLine = 256;

/** null: there is none, and starting it will say so. */
export async function findProgram(name: string, path: string | undefined): Promise<string | null> {
  if (name === '') return null;
  if (name.includes('/')) return (await isProgram(name)) ? name : null;
  for (const directory of (path ?? defaultPath).split(':')) {
    const candidate = join(directory || '.', name);
    if (await isProgram(candidate)) return candidate;
  }
  return null;
}

async function isProgram(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => null);
  if (!status?.isFile()) return false;
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The words of a script's first line, its interpreter first; null: not a script. */
export async function readInterpreterLine(readAt: ReadAt): Promise<string[] | null> {
  const line = new TextDecoder().decode(await readAt(0, maxFirstLine)).split('\n')[0] ?? '';
  const [, interpreter, argument] = /^#![ \t]*([^ \t]+)[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
  if (interpreter === undefined) return null;
  return argument ? [interpreter, argument] : [interpreter];
}

/** Reads a file in pieces, and closes it when `use` is done. Throws what open(2) says. */
export async function withFile<Result>(
  path: string,
  use: (readAt: ReadAt) => Promise<Result>,
): Promise<Result> {
  const file = await open(path);
  try {
    return await use(async (offset, byteLength) => {
      // Offsets come from the file itself; past what a number can say exactly there is nothing.
      if (!Number.isSafeInteger(offset)) return new Uint8Array();
      const buffer = new Uint8Array(byteLength);
      const { bytesRead } = await file.read(buffer, 0, byteLength, offset);
      return buffer.subarray(0, bytesRead);
    });
  } finally {
    await file.close();
  }
}
