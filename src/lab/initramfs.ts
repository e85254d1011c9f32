// SPDX-License-Identifier: MIT
// The first file system of an emulated machine: our guest programs, busybox, and drivers to reach the others.
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CpioEntry, cpioArchive } from './cpio.js';
import { labDirectory } from './machine.js';
import { makeOnce } from './make-once.js';

/** The initramfs of a kernel with a root's busybox. It holds our own guest programs, so it follows them, too. */
export async function currentInitramfs(kernel: string, root: string): Promise<string> {
  const guest = join(labDirectory, 'guest');
  const [init, agent, busybox] = await Promise.all([
    readFile(join(guest, 'init')),
    readFile(join(guest, 'agent')),
    readFile(join(root, 'busybox')),
  ]);
  const hash = createHash('sha256');
  for (const part of [init, agent, busybox]) hash.update(part).update('\0');
  const key = hash.digest('hex').slice(0, 16);
  return makeOnce(join(kernel, `initramfs-${key}.cpio`), async (work) => {
    const directories = ['bin', 'dev', 'modules', 'proc', 'root', 'sys'];
    const entries: CpioEntry[] = [
      ...directories.map((directory) => ({ path: directory, mode: 0o40755 })),
      // The kernel opens this before init runs, for init's own messages.
      { path: 'dev/console', mode: 0o20600, device: [5, 1] },
      { path: 'init', mode: 0o100755, data: init },
      { path: 'agent', mode: 0o100755, data: agent },
      { path: 'bin/busybox', mode: 0o100755, data: busybox },
    ];
    for (const name of await readdir(join(kernel, 'modules'))) {
      const data = await readFile(join(kernel, 'modules', name));
      entries.push({ path: `modules/${name}`, mode: 0o100644, data });
    }
    await writeFile(work, cpioArchive(entries));
  });
}
