// SPDX-License-Identifier: MIT
// The packages that set-up installs are those that the lab asks for, and a compiler.
import { expect, it } from 'vitest';
import {
  missingPackages,
  packagesForOwnNodes,
  startPackages,
  testPackages,
} from '../../scripts/host-packages.mjs';
import { debianKeyring, missingLabTools, neededTools } from '../../src/lab/host-tools.js';

it('has everything the lab needs, under the same names', () => {
  expect(testPackages).toMatchObject(neededTools);
  expect(testPackages).toHaveProperty([debianKeyring], 'debian-archive-keyring');
  // The demonstration boots one machine and compiles no test: what it installs is what that takes.
  const names = missingLabTools(['qemu-system-x86_64'], ['/no/such/directory']);
  expect(Object.values(startPackages)).toEqual(expect.arrayContaining(names));
  expect(missingPackages(startPackages, '', (file) => !/xfs|ppc64/.test(file))).toEqual([]);
  expect(missingPackages(testPackages, '', (file) => !/xfs|ppc64/.test(file))).toEqual([
    'qemu-system-ppc',
    'xfsprogs',
  ]);
});

it('names a missing package once, and looks in the folders that a user’s PATH lacks', () => {
  expect(missingPackages(testPackages, '', () => true)).toEqual([]);
  const without = (...names: string[]) =>
    missingPackages(startPackages, '/opt/bin', (file) => !names.some((name) => file.endsWith(`/${name}`)));
  expect(without('mke2fs', 'debugfs', 'gcc')).toEqual(['gcc', 'e2fsprogs']);
  expect(without('stdio.h')).toEqual(['libc6-dev']);
  expect(
    missingPackages(
      startPackages,
      '',
      (file) => file.startsWith('/usr/include') || file.startsWith('/sbin/') || /\.(gpg|a)$/.test(file),
    ),
  ).toEqual([]);
  expect(
    missingPackages(startPackages, '/opt/bin', (file) => !file.includes('gcc') || file === '/opt/bin/gcc'),
  ).toEqual([]);
});

it('asks for no emulation where there are several nodes, and only on Debian for what fetches llama.cpp', () => {
  const names = (...files: string[]) =>
    Object.values(packagesForOwnNodes('/opt/bin:/usr/bin', (file) => files.includes(file)));
  expect(names('/usr/bin/apt-get')).toEqual(['gcc', 'libc6-dev', 'dpkg', 'debian-archive-keyring']);
  expect(names('/usr/bin/apt-get', '/opt/bin/llama-bench')).toEqual(['gcc', 'libc6-dev']);
  expect(names()).toEqual(['gcc', 'libc6-dev']);
});
