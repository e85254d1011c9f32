// SPDX-License-Identifier: MIT
// Makes XFS images out of host files, without root and without mounting anything. Source of truth: mkfs.xfs(8).
import { stat, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { NumashardError } from '../errors.js';
import { runTool } from './host-tools.js';

const mebibyte = 1 << 20;
/** mkfs.xfs refuses less than 300 MiB (5.19 and later). */
const leastMebibytes = 300;
/** mkfs.xfs holds a file it copies in a buffer whose length is an int (mkfs/proto.c). */
const fileByteLimit = 2 ** 31 - 1;

/** An image that holds one file under the given name, readable by everyone. */
export async function xfsFromFile(file: string, name: string, image: string): Promise<void> {
  const { size } = await stat(file);
  if (size > fileByteLimit) {
    throw new NumashardError(
      'usage',
      `${file} has ${size} bytes; an XFS drive takes files up to ${fileByteLimit}`,
      { hint: 'take ext4', exitCode: 2 },
    );
  }
  // The words of a prototype cannot be quoted; a link with a plain name spares us the source's own.
  const [link, prototype] = [`${image}.source`, `${image}.prototype`];
  await symlink(resolve(file), link);
  await writeFile(prototype, `-\n0 0\nd--755 0 0\n${name} ---644 0 0 ${basename(link)}\n$\n`);
  try {
    // The log takes 64 MiB, what remains an eighth at most.
    await makeFileSystem(image, Math.ceil((size * 9) / 8 / mebibyte) + 128, ['-p', basename(prototype)]);
  } finally {
    await Promise.all([unlink(link), unlink(prototype)]);
  }
}

/** An image of a file system with nothing in it. */
export function emptyXfs(image: string, mebibytes: number): Promise<void> {
  return makeFileSystem(image, mebibytes, []);
}

async function makeFileSystem(image: string, mebibytes: number, args: string[]): Promise<void> {
  await writeFile(image, '');
  await truncate(image, Math.max(mebibytes, leastMebibytes) * mebibyte);
  await runTool('mkfs.xfs', ['-q', ...args, basename(image)], { cwd: dirname(image) });
}
