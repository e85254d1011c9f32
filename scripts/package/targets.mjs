// SPDX-License-Identifier: MIT
// The platforms that archives are made for, the compiler for each, and the Debian packages that have it.

/**
 * @typedef {object} Target
 * @property {string} architecture as Node.js names it (process.arch)
 * @property {string} triplet
 * @property {readonly string[]} flags
 * @property {string} compilerPackage of Debian, for hosts of another architecture
 * @property {string} libcPackage
 */

/** By the last word of the archive's name. @type {Readonly<Record<string, Target>>} */
export const targets = {
  x64: {
    architecture: 'x64',
    triplet: 'x86_64-linux-gnu',
    flags: [],
    compilerPackage: 'gcc-x86-64-linux-gnu',
    libcPackage: 'libc6-dev-amd64-cross',
  },
  arm64: {
    architecture: 'arm64',
    triplet: 'aarch64-linux-gnu',
    flags: [],
    compilerPackage: 'gcc-aarch64-linux-gnu',
    libcPackage: 'libc6-dev-arm64-cross',
  },
  ppc64le: {
    architecture: 'ppc64',
    triplet: 'powerpc64le-linux-gnu',
    // The machine this began on, and the oldest with this byte order.
    flags: ['-mcpu=power8'],
    compilerPackage: 'gcc-powerpc64le-linux-gnu',
    libcPackage: 'libc6-dev-ppc64el-cross',
  },
};

/** The machine's own compiler where it makes code for the target. @param {Target} target */
export function compilerFor({ architecture, triplet }) {
  return architecture === process.arch ? process.env['CC'] || 'cc' : `${triplet}-gcc`;
}

/**
 * A program or a file that cross compiling takes, and its package.
 * @param {readonly string[]} names of platforms
 * @returns {Record<string, string>}
 */
export function crossPackages(names = Object.keys(targets)) {
  const foreign = Object.entries(targets).flatMap(([name, target]) =>
    names.includes(name) && target.architecture !== process.arch ? [target] : [],
  );
  return Object.assign({}, ...foreign.map(crossCompiler));
}

/**
 * @param {Pick<Target, 'triplet' | 'compilerPackage' | 'libcPackage'>} target
 * @returns {Record<string, string>}
 */
export function crossCompiler({ triplet, compilerPackage, libcPackage }) {
  return { [`${triplet}-gcc`]: compilerPackage, [`/usr/${triplet}/include/stdio.h`]: libcPackage };
}
