// SPDX-License-Identifier: MIT
// The first file system of an emulated machine: our guest programs, busybox, and drivers to reach the others.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CpioEntry, cpioArchive } from './cpio.js';
import { labDirectory } from './machine.js';

/** Modules of Debian's cloud kernel that a machine needs, in the order they depend on one another. */
export const guestModules = [
  ...['virtio', 'virtio_ring', 'virtio_pci_legacy_dev', 'virtio_pci_modern_dev', 'virtio_pci'],
  ...['virtio_blk', 'virtio_console'],
];

/** The initramfs of a built system; it holds our own guest programs, so it follows them and not the packages. */
export async function currentInitramfs(home: string): Promise<string> {
  const guest = join(labDirectory, 'guest');
  const [init, agent] = await Promise.all([readFile(join(guest, 'init')), readFile(join(guest, 'agent'))]);
  const key = createHash('sha256').update(init).update('\0').update(agent).digest('hex').slice(0, 16);
  const path = join(home, `initramfs-${key}.cpio`);
  if (existsSync(path)) return path;
  const names = guestModules.map((module) => `${module}.ko`);
  const directories = ['bin', 'dev', 'modules', 'proc', 'root', 'sys'];
  const entries: CpioEntry[] = [
    ...directories.map((directory) => ({ path: directory, mode: 0o40755 })),
    // The kernel opens this before init runs, for init's own messages.
    { path: 'dev/console', mode: 0o20600, device: [5, 1] },
    { path: 'init', mode: 0o100755, data: init },
    { path: 'agent', mode: 0o100755, data: agent },
    { path: 'bin/busybox', mode: 0o100755, data: await readFile(join(home, 'busybox')) },
    { path: 'modules/order', mode: 0o100644, data: Buffer.from(`${names.join('\n')}\n`) },
  ];
  for (const name of names) {
    entries.push({
      path: `modules/${name}`,
      mode: 0o100644,
      data: await readFile(join(home, 'modules', name)),
    });
  }
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, cpioArchive(entries));
  await rename(temporary, path);
  return path;
}
