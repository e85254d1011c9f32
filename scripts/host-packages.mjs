// SPDX-License-Identifier: MIT
// What tests and the lab need of the system, and the Debian packages that have it. For the lab's own part see
// src/lab/host-tools.ts; test/scripts/host-packages.test.ts compares the two.
import { existsSync } from 'node:fs';

/** A program or a file, and its package. @type {Readonly<Record<string, string>>} */
export const hostPackages = {
  gcc: 'gcc',
  'g++': 'g++',
  '/usr/include/stdio.h': 'libc6-dev',
  'qemu-system-x86_64': 'qemu-system-x86',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  'dpkg-deb': 'dpkg',
  'apt-get': 'apt',
  'apt-config': 'apt',
  tar: 'tar',
  xz: 'xz-utils',
  setpriv: 'util-linux',
  '/usr/share/keyrings/debian-archive-keyring.gpg': 'debian-archive-keyring',
};

/** Not only $PATH: Debian keeps mke2fs in a folder that users' $PATH lacks. */
const systemDirectories = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * Packages whose program or file is missing, each once.
 * @param {string} path $PATH
 * @param {(file: string) => boolean} exists
 */
export function missingPackages(path, exists = existsSync) {
  const directories = [...path.split(':').filter((directory) => directory !== ''), ...systemDirectories];
  const missing = Object.entries(hostPackages).filter(([name]) =>
    name.startsWith('/') ? !exists(name) : !directories.some((directory) => exists(`${directory}/${name}`)),
  );
  return [...new Set(missing.map(([, aptPackage]) => aptPackage))];
}
