// SPDX-License-Identifier: MIT
// What tests and the lab need of the system, and the Debian packages that have it. For the lab's own part see
// src/lab/host-tools.ts; test/scripts/host-packages.test.ts compares the two.
import { existsSync } from 'node:fs';
import { crossCompiler, crossPackages } from './package/targets.mjs';

/** For `npm run build`: a program or a file, and its package. @type {Readonly<Record<string, string>>} */
const buildPackages = {
  gcc: 'gcc',
  '/usr/include/stdio.h': 'libc6-dev',
};

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** For `npm start` in an emulated machine. @type {Readonly<Record<string, string>>} */
export const startPackages = {
  ...buildPackages,
  'qemu-system-x86_64': 'qemu-system-x86',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  'dpkg-deb': 'dpkg',
  'apt-get': 'apt',
  'apt-config': 'apt',
  tar: 'tar',
  xz: 'xz-utils',
  setpriv: 'util-linux',
  [keyring]: 'debian-archive-keyring',
};

/** As compilers name it. @type {Partial<Record<string, string>>} */
const machineNames = { x64: 'x86_64', arm64: 'aarch64', ppc64: 'powerpc64le' };

/** The compiler that fuzzes, and its run-time library. @type {Readonly<Record<string, string>>} */
export const fuzzCompiler = {
  'clang-19': 'clang-19',
  [`/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.fuzzer-${machineNames[process.arch]}.a`]:
    'libclang-rt-19-dev',
};

/** For `npm test`, which also boots what the demonstration does not. */
export const testPackages = {
  ...startPackages,
  'g++': 'g++',
  'qemu-system-ppc64': 'qemu-system-ppc',
  'mkfs.xfs': 'xfsprogs',
  // Archives for other architectures: `npm run package`.
  ...crossPackages(),
  readelf: 'binutils',
  'qemu-aarch64': 'qemu-user',
  ...fuzzCompiler,
  // For the C header on further machines; compilers of other Debian suites are not installed: test/compilers.
  ...crossCompiler({
    triplet: 'powerpc64-linux-gnu',
    compilerPackage: 'gcc-powerpc64-linux-gnu',
    libcPackage: 'libc6-dev-ppc64-cross',
  }),
  ...crossCompiler({
    triplet: 's390x-linux-gnu',
    compilerPackage: 'gcc-s390x-linux-gnu',
    libcPackage: 'libc6-dev-s390x-cross',
  }),
  'x86_64-w64-mingw32-gcc-win32': 'gcc-mingw-w64-x86-64-win32',
};

/**
 * For `npm start` on a machine of several nodes, which needs no emulation: a llama-bench on PATH, or what it takes to
 * fetch Debian's. Other distributions have no apt to fetch it with; `numashard lab demo` says what to do there.
 * @param {string} path $PATH
 * @param {(file: string) => boolean} exists
 * @returns {Readonly<Record<string, string>>}
 */
export function packagesForOwnNodes(path, exists = existsSync) {
  const hasLlama = path.split(':').some((directory) => exists(`${directory}/llama-bench`));
  if (hasLlama || !exists('/usr/bin/apt-get')) return buildPackages;
  return { ...buildPackages, 'dpkg-deb': 'dpkg', [keyring]: 'debian-archive-keyring' };
}

/** Not only $PATH: Debian keeps mke2fs in a folder that users' $PATH lacks. */
const systemDirectories = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'];

/**
 * Packages whose program or file is missing, each once.
 * @param {Readonly<Record<string, string>>} packages
 * @param {string} path $PATH
 * @param {(file: string) => boolean} exists
 */
export function missingPackages(packages, path, exists = existsSync) {
  const directories = [...path.split(':').filter((directory) => directory !== ''), ...systemDirectories];
  const missing = Object.entries(packages).filter(([name]) =>
    name.startsWith('/') ? !exists(name) : !directories.some((directory) => exists(`${directory}/${name}`)),
  );
  return [...new Set(missing.map(([, aptPackage]) => aptPackage))];
}
