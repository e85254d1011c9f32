// SPDX-License-Identifier: MIT
// The header with the system's compilers under sanitizers, and with the oldest and the newest of Debian, as C11 and
// as C++17.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { nativeFolder, sanitizers } from '../shardmap/native-program.js';
import { type Compiler, compilersIn, compileWith, prepareSuites } from './debian-compilers.js';
import {
  answersTheTable,
  type Build,
  isCalled,
  type Language,
  placesAndCounts,
  standards,
  warnings,
} from './header-checks.js';

const include = `-I${join(nativeFolder, 'include')}`;
const scratch = mkdtempSync(join(tmpdir(), 'numashard-compilers-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const compilers = (await prepareSuites()).flatMap(compilersIn);
let asked = 0;

test('gcc 11, gcc 12 and clang 14 are here, and a newer one of each', () => {
  const names = compilers.map(({ name }) => name);
  console.log(`compilers: ${names.join(', ')}, and the system's`);
  expect(names).toEqual(expect.arrayContaining(['gcc-11', 'gcc-12', 'clang-14']));
  for (const kind of ['gcc', 'clang']) {
    const versions = names.filter((name) => name.startsWith(kind)).map((name) => Number(name.split('-')[1]));
    expect(Math.max(...versions)).toBeGreaterThanOrEqual(kind === 'gcc' ? 15 : 20);
  }
});

const system: Compiler = { name: 'the system’s, ASan and UBSan', commands: { c: ['cc'], cc: ['c++'] } };

describe.each([
  ...compilers.map((compiler) => ({ compiler, extra: ['-O2'] })),
  { compiler: system, extra: sanitizers },
])('$compiler.name', ({ compiler, extra }) => {
  test.each(['c', 'cc'] as const)('as %s', (language) => {
    const build = buildWith(compiler, language, extra);
    asked += answersTheTable(build);
    placesAndCounts(build, [
      { method: 'bind', toTheLimit: compiler === system && language === 'c' },
      { method: 'preferred', refuse: [refuser(), 'bind'] },
      { method: 'first-touch', isBlind: true, refuse: [refuser(), 'policy'] },
    ]);
    isCalled(build, { language, cacheLine: 64 });
  });
});

afterAll(() => console.log(`shardmap.json: ${asked} answers of C and C++ programs by native compilers`));

function buildWith(compiler: Compiler, language: Language, extra: readonly string[]): Build {
  const folder = mkdtempSync(join(scratch, 'build-'));
  let count = 0;
  const own = [standards[language], ...warnings, ...extra, include];
  const compile = (source: string, flags: readonly string[] = []) => {
    const program = join(folder, `program-${++count}`);
    if (compiler === system) link(compiler, language, [...own, ...flags], source, program);
    else compileWith(compiler, language, [...own, ...flags], source, program);
    return program;
  };
  return { compile, runner: [], folder };
}

/** In one step, for sanitizers bring a library. */
function link(
  { commands }: Compiler,
  language: Language,
  flags: readonly string[],
  source: string,
  out: string,
): void {
  const [command = ''] = commands[language];
  const as = language === 'c' ? 'c' : 'c++';
  execFileSync(command, [...flags, '-x', as, source, '-o', out], { stdio: ['ignore', 'ignore', 'pipe'] });
}

let refuserPath: string | undefined;

function refuser(): string {
  if (refuserPath === undefined) {
    refuserPath = join(scratch, 'refuse');
    const source = join(nativeFolder, 'test/refuse.c');
    execFileSync('cc', ['-std=c11', '-D_GNU_SOURCE', ...warnings, source, '-o', refuserPath]);
  }
  return refuserPath;
}
