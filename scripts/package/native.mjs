// SPDX-License-Identifier: MIT
// The native parts of an archive: without debugging information and paths of this machine, the helper by itself, the
// library for old C libraries too.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { compile, nativeParts } from '../build.mjs';
import { Failure } from '../failure.mjs';
import { compilerFor } from './targets.mjs';

/** RHEL 8 has it, and Node.js 20 needs it as well. */
const newestGlibc = '2.28';

/**
 * Compiles into a folder and returns the version of glibc that the library needs. Throws a Failure.
 * @param {import('./targets.mjs').Target} target
 * @param {string} folder
 * @param {string} root
 */
export function buildNativeParts(target, folder, root) {
  const common = [...target.flags, '-g0', `-ffile-prefix-map=${root}=`];
  for (const part of nativeParts) {
    const isLibrary = part.name.endsWith('.so');
    // Of a static program nothing has to be there; the loader has to know the old homes of dlsym() and pthread_join().
    const own = isLibrary ? ['-include', 'scripts/package/old-glibc.h'] : ['-static'];
    const oldHomes = [
      '-Wl,--push-state,--no-as-needed',
      '-l:libdl.so.2',
      '-l:libpthread.so.0',
      '-Wl,--pop-state',
    ];
    compile(compilerFor(target), {
      ...part,
      options: [...part.options, ...common, ...own],
      libraries: isLibrary ? oldHomes : part.libraries,
      output: join(folder, part.name),
    });
  }
  return neededGlibc(join(folder, 'libnumashard.so'));
}

/** @param {string} library */
function neededGlibc(library) {
  const { status, stdout, error } = spawnSync('readelf', ['-W', '--dyn-syms', library], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 1 << 26,
  });
  if (error || status !== 0) throw new Failure('readelf cannot be run', 'apt-get install binutils');
  const symbols = [...stdout.matchAll(/ (\S+)@+GLIBC_([\d.]+)/g)].map(([, name = '', version = '']) => ({
    name,
    version,
  }));
  const needed =
    symbols
      .map(({ version }) => version)
      .sort(compareVersions)
      .at(-1) ?? '0';
  if (compareVersions(needed, newestGlibc) <= 0) return needed;
  const names = symbols
    .filter(({ version }) => compareVersions(version, newestGlibc) > 0)
    .map(({ name }) => name);
  throw new Failure(
    `the library would need glibc ${needed}, for ${[...new Set(names)].join(', ')}; at most ${newestGlibc}`,
    'bind them to older versions in scripts/package/old-glibc.h, or use other functions',
  );
}

/**
 * @param {string} left
 * @param {string} right
 */
function compareVersions(left, right) {
  return left.localeCompare(right, 'en', { numeric: true });
}
