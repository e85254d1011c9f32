// SPDX-License-Identifier: MIT
// Compilers of other Debian suites than the system's: unpacked into the lab's cache, nothing is installed. They run
// through their own loader and C library, read the system's headers, and the system's linker makes the program.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fetchPackages, requestKey } from '../../src/lab/guest-packages.js';
import { runTool } from '../../src/lab/host-tools.js';
import { makeOnce } from '../../src/lab/make-once.js';
import { setting } from '../lab/setting.js';

export interface Compiler {
  readonly name: string;
  /** The words to run before a compiler's usual arguments, for C and for C++. */
  readonly commands: { readonly c: readonly string[]; readonly cc: readonly string[] };
}

/** Sanitizers, C++ libraries and headers that the suite's C library would bring are not needed, and large. */
const only =
  /^(?!lib(asan|lsan|tsan|ubsan|hwasan|gprofng|stdc\+\+-\d|objc|c6-dev|c-dev|c-gconv|crypt|clang-rt|z3|python)|llvm|linux-|python|manpages|rpcsvc)/;

/** The oldest and the newest that the header is tested with, and the one most servers have. */
const requests = ['bookworm', 'unstable'].map((suite) => ({
  suite,
  architecture: 'amd64',
  packages: suite === 'unstable' ? ['g++', 'clang'] : ['g++-11', 'g++-12', 'clang-14'],
  only,
}));

/** Downloads what is not there yet; the folders of all suites. */
export async function prepareSuites(): Promise<string[]> {
  const home = join(setting.cacheDirectory, 'compilers');
  const folders: string[] = [];
  for (const request of requests) {
    const folder = await makeOnce(join(home, requestKey(request, 'compilers 1')), async (work) => {
      await mkdir(work);
      const packages = await fetchPackages(request, setting.cacheDirectory);
      for (const { path } of packages) await runTool('dpkg-deb', ['-x', path, work]);
    });
    folders.push(folder);
  }
  return folders;
}

/** Of a folder, by name: `gcc-11`, `clang-14`. */
export function compilersIn(folder: string): Compiler[] {
  const programs = readdirSync(join(folder, 'usr/bin'));
  const versions = (pattern: RegExp) => programs.flatMap((name) => pattern.exec(name)?.[1] ?? []);
  return [
    ...versions(/^x86_64-linux-gnu-g\+\+-(\d+)$/).map((version) => gcc(folder, version)),
    ...versions(/^clang\+\+-(\d+)$/).map((version) => clang(folder, version)),
  ];
}

/** gcc starts cc1 and as through the same loader as itself; -B says where as is. */
function gcc(folder: string, version: string): Compiler {
  const loader = loaderOf(folder);
  const start = (program: string) => [
    ...[...loader, join(folder, 'usr/bin', `x86_64-linux-gnu-${program}-${version}`)],
    ...['-wrapper', loader.join(','), `-B${join(folder, 'usr/bin/x86_64-linux-gnu-')}`],
  ];
  return { name: `gcc-${version}`, commands: { c: start('gcc'), cc: start('g++') } };
}

/** clang would look for its own headers beside the loader. */
function clang(folder: string, version: string): Compiler {
  const home = join(folder, `usr/lib/llvm-${version}`);
  const resources = readdirSync(join(home, 'lib/clang')).find((name) => name.startsWith(version)) ?? '';
  const start = [
    ...[...loaderOf(folder, join(home, 'lib')), join(home, 'bin/clang')],
    ...['-resource-dir', join(home, 'lib/clang', resources)],
  ];
  return { name: `clang-${version}`, commands: { c: start, cc: [...start, '--driver-mode=g++'] } };
}

function loaderOf(folder: string, ...libraries: readonly string[]): string[] {
  const libraryFolders = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((path) =>
    join(folder, path),
  );
  const loader = libraryFolders.map((path) => join(path, 'ld-linux-x86-64.so.2')).find(existsSync) ?? '';
  return [loader, '--library-path', [...libraryFolders, ...libraries].join(':')];
}

/** Compiles as C or C++ with the suite's compiler, and links with the system's. */
export function compileWith(
  { commands }: Compiler,
  language: 'c' | 'cc',
  flags: readonly string[],
  source: string,
  program: string,
): void {
  const [command = '', ...words] = commands[language];
  const stdio = ['ignore', 'ignore', 'pipe'] as const;
  const object = `${program}.o`;
  const as = language === 'c' ? 'c' : 'c++';
  execFileSync(command, [...words, ...flags, '-x', as, '-c', source, '-o', object], {
    stdio: [...stdio],
    encoding: 'utf8',
  });
  execFileSync('cc', [object, '-o', program], { stdio: [...stdio], encoding: 'utf8' });
}
