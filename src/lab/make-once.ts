// SPDX-License-Identifier: MIT
// Files and folders that take long to make and are kept: made beside their place, so that nobody sees half of one.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Returns `path`; where nothing is there, `make` gets another path to make it at first. */
export async function makeOnce(path: string, make: (work: string) => Promise<void>): Promise<string> {
  if (existsSync(path)) return path;
  await mkdir(dirname(path), { recursive: true });
  const folder = await mkdtemp(join(dirname(path), 'building-'));
  try {
    const work = join(folder, basename(path));
    await make(work);
    // Another process may have been faster; a folder cannot be replaced, and need not be.
    await rename(work, path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOTEMPTY' && cause.code !== 'EEXIST') throw cause;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return path;
}
