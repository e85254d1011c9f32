// SPDX-License-Identifier: MIT
// The packages that set-up installs are those that the lab asks for, and a compiler.
import { expect, it } from 'vitest';
import { hostPackages, missingPackages } from '../../scripts/host-packages.mjs';
import { debianKeyring, neededTools } from '../../src/lab/host-tools.js';

it('has everything the lab needs, under the same names', () => {
  expect(hostPackages).toMatchObject(neededTools);
  expect(hostPackages).toHaveProperty([debianKeyring], 'debian-archive-keyring');
});

it('names a missing package once, and looks in the folders that a user’s PATH lacks', () => {
  expect(missingPackages('', () => true)).toEqual([]);
  const without = (...names: string[]) =>
    missingPackages('/opt/bin', (file) => !names.some((name) => file.endsWith(`/${name}`)));
  expect(without('mke2fs', 'debugfs', 'gcc')).toEqual(['gcc', 'e2fsprogs']);
  expect(without('stdio.h')).toEqual(['libc6-dev']);
  expect(
    missingPackages(
      '',
      (file) => file.startsWith('/usr/include') || file.startsWith('/sbin/') || file.endsWith('.gpg'),
    ),
  ).toEqual([]);
  expect(missingPackages('/opt/bin', (file) => !file.includes('gcc') || file === '/opt/bin/gcc')).toEqual([]);
});
