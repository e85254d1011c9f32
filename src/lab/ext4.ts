// SPDX-License-Identifier: MIT
// Makes ext4 images out of host files, without root and without mounting anything.
// Source of truth: mke2fs(8), debugfs(8).
import { readdir, stat, symlink, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { runTool } from './host-tools.js';

const blockByteLength = 4096;
const mebibyte = 1 << 20;
/** Named one by one, so that the host's mke2fs.conf cannot add what an older guest kernel lacks. No journal: nothing
 * that is written outlives the machine. */
const features =
  'none,extent,filetype,dir_index,sparse_super,large_file,huge_file,dir_nlink,extra_isize,64bit';

/** An image of everything in `directory`. */
export async function ext4FromDirectory(directory: string, image: string): Promise<void> {
  const { files, blocks } = await measureTree(directory);
  await makeFileSystem(image, blocks * blockByteLength, files, ['-d', directory]);
}

/** An image that holds one file under the given name, readable by everyone. */
export async function ext4FromFile(file: string, name: string, image: string): Promise<void> {
  const { size } = await stat(file);
  await makeFileSystem(image, size, 1, []);
  // debugfs takes its arguments from lines of words; a link with a plain name spares us its quoting.
  const link = `${image}.source`;
  await symlink(resolve(file), link);
  try {
    const commands = [`write "${link}" "${name}"`, `set_inode_field "${name}" mode 0100644`];
    const owner = ['uid', 'gid'].map((field) => `set_inode_field "${name}" ${field} 0`);
    await runTool('debugfs', ['-w', '-f', '-', image], {
      cwd: dirname(image),
      input: [...commands, ...owner, ''].join('\n'),
    });
  } finally {
    await unlink(link);
  }
}

/** An image of a file system with nothing in it. */
export function emptyExt4(image: string, mebibytes: number): Promise<void> {
  // Files to write are few and large here; the tables of an image are kept sparse.
  return makeFileSystem(image, mebibytes * mebibyte, 4096, []);
}

async function makeFileSystem(
  image: string,
  byteLength: number,
  files: number,
  args: string[],
): Promise<void> {
  const inodes = files + 64;
  const inodeByteLength = 256;
  // Room for inode tables, extent trees, group descriptors and bitmaps (two blocks for every 128 MiB).
  const overhead = inodes * inodeByteLength + byteLength / 64 + 8 * mebibyte;
  const mebibytes = Math.ceil((byteLength + overhead) / mebibyte);
  await runTool('mke2fs', [
    ...['-q', '-F', '-t', 'ext4', '-b', String(blockByteLength), '-I', String(inodeByteLength)],
    ...['-N', String(inodes), '-m', '0', '-O', features, '-E', 'root_owner=0:0', ...args],
    ...[image, `${mebibytes}M`],
  ]);
}

async function measureTree(directory: string): Promise<{ files: number; blocks: number }> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  let blocks = 0;
  for (const entry of entries) {
    const byteLength = entry.isFile() ? (await stat(join(entry.parentPath, entry.name))).size : 1;
    blocks += Math.ceil(byteLength / blockByteLength);
  }
  return { files: entries.length, blocks };
}
