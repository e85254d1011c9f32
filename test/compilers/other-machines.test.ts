// SPDX-License-Identifier: MIT
// The header for machines that are not this one: cross-compiled and run under qemu-user, where every placement call is
// ENOSYS, so that parsing, assignment and the refused path are what is tested; and off Linux, where all is flat.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, test } from 'vitest';
import { nativeFolder } from '../shardmap/native-program.js';
import { compilersIn, prepareSuites } from './debian-compilers.js';
import {
  answersTheTable,
  type Build,
  isCalled,
  placesAndCounts,
  standards,
  warnings,
} from './header-checks.js';

const include = `-I${join(nativeFolder, 'include')}`;
const scratch = mkdtempSync(join(tmpdir(), 'numashard-compilers-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const newestClang = (await prepareSuites())
  .flatMap(compilersIn)
  .findLast(({ name }) => name.startsWith('clang'));
let asked = 0;

describe.each([
  { target: 'powerpc64le-linux-gnu', flags: ['-mcpu=power8', '-mvsx'], qemu: 'qemu-ppc64le', cacheLine: 128 },
  { target: 'powerpc64-linux-gnu', flags: [], qemu: 'qemu-ppc64', cacheLine: 128 },
  { target: 'aarch64-linux-gnu', flags: [], qemu: 'qemu-aarch64', cacheLine: 64 },
  { target: 's390x-linux-gnu', flags: [], qemu: 'qemu-s390x', cacheLine: 256 },
])('$target', ({ target, flags, qemu, cacheLine }) => {
  test(`gcc ${flags.join(' ')}, under ${qemu}`, () => {
    const own = [...flags, '-static', '-O2', standards.c, ...warnings, include];
    const build = buildBy([`${target}-gcc`, ...own], [qemu]);
    asked += answersTheTable(build);
    placesAndCounts(build, [{ method: 'first-touch', isBlind: true }]);
    isCalled(build, { language: 'c', cacheLine });
  });

  test('clang as C++17', () => {
    const own = [
      '-x',
      'c++',
      '-c',
      `--target=${target}`,
      ...flags,
      '-O2',
      standards.cc,
      ...warnings,
      include,
    ];
    const system = ['-isystem', `/usr/${target}/include`];
    const build = buildBy([...(newestClang?.commands.cc ?? []), ...own, ...system], []);
    isCalled(build, { language: 'cc', cacheLine, canRun: false });
  });
});

describe('off Linux', () => {
  test.each(['c', 'cc'] as const)('-U__linux__, as %s, all is flat', (language) => {
    const as = language === 'c' ? 'c' : 'c++';
    const build = buildBy(['cc', '-x', as, '-U__linux__', standards[language], ...warnings, include], []);
    asked += answersTheTable(build);
    isCalled(build, { language, cacheLine: 64, isLinux: false });
  });

  test('x86_64-w64-mingw32-gcc', () => {
    const command = ['x86_64-w64-mingw32-gcc-win32', standards.c, ...warnings, include];
    const build = buildBy(command, []);
    build.compile(join(nativeFolder, 'test/shardmap-cases.c'));
    isCalled(build, { language: 'c', cacheLine: 64, canRun: false });
  });
});

afterAll(() => console.log(`shardmap.json: ${asked} answers of programs for other machines`));

function buildBy([command = '', ...words]: readonly string[], runner: readonly string[]): Build {
  const folder = mkdtempSync(join(scratch, 'build-'));
  let count = 0;
  const compile = (source: string, flags: readonly string[] = []) => {
    const program = join(folder, `program-${++count}.exe`);
    execFileSync(command, [...words, ...flags, source, '-o', program], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return program;
  };
  return { compile, runner, folder };
}
