// SPDX-License-Identifier: MIT
// Compiles a test program of native/test with the C compiler at hand, once for each set of flags.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const nativeFolder = fileURLToPath(new URL('../../native/', import.meta.url));
export const sanitizers = ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/** The program in the documentation at the top of the header. */
export function headerExample(): string {
  const text = readFileSync(join(nativeFolder, 'include', 'ggml-numa-shard.h'), 'utf8');
  return text
    .slice(text.indexOf('#include "ggml-numa-shard.h"'), text.indexOf('* The map is rules'))
    .replaceAll(/^ \* {5}/gm, '')
    .replace(/[ *\n]*$/, '\n');
}

export function hasCompiler(compiler: string): boolean {
  return spawnSync(compiler, ['--version']).status === 0;
}

export interface Workshop {
  readonly folder: string;
  compile(source: string, flags: readonly string[], compiler?: string): string;
  remove(): void;
}

/** A folder for programs, of its own. `source` is a path, as the compiler takes it. */
export function openWorkshop(): Workshop {
  const folder = mkdtempSync(join(tmpdir(), 'numashard-test-'));
  let count = 0;
  return {
    folder,
    compile(source, flags, compiler = 'cc') {
      const program = join(folder, `program-${++count}`);
      const include = `-I${join(nativeFolder, 'include')}`;
      execFileSync(compiler, ['-Wall', '-Wextra', '-Werror', include, ...flags, source, '-o', program], {
        stdio: ['ignore', 'ignore', 'pipe'],
        encoding: 'utf8',
      });
      return program;
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** One answer a question; a sanitizer's complaint fails the call. */
export function askProgram(program: string, questions: readonly string[]): string[] {
  const input = `${questions.join('\n')}\n`;
  const output = execFileSync(program, { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  return output.split('\n').slice(0, -1);
}
