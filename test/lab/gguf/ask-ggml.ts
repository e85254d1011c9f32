// SPDX-License-Identifier: MIT
// The real libggml-base of the guest's system, asked on the host by lab/host/ask-ggml.c.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { guestLibraries, withLibraries } from '../../../src/lab/guest-libraries.js';
import { loadMachine } from '../../../src/lab/machine.js';
import { setting } from '../setting.js';

export interface AskGgml {
  /** Of the libraries. */
  readonly libraries: string;
  ask(...args: readonly string[]): { status: number | null; lines: string[][]; stderr: string };
  close(): void;
}

export async function openGgml(): Promise<AskGgml> {
  const libraries = await guestLibraries(loadMachine('x86-4n'), setting.cacheDirectory);
  const folder = mkdtempSync(join(tmpdir(), 'numashard-ask-ggml-'));
  const program = join(folder, 'ask-ggml');
  const source = join(setting.projectDirectory, 'lab/host/ask-ggml.c');
  const flags = '-std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror'.split(' ');
  execFileSync('cc', [...flags, '-o', program, source, '-ldl'], { stdio: ['ignore', 'ignore', 'inherit'] });
  return {
    libraries,
    ask: (...args) => {
      const [loader = '', ...words] = withLibraries(libraries, program, ...args);
      const { status, stdout, stderr } = spawnSync(loader, words, { encoding: 'utf8' });
      return { status, lines: stdout.split('\n').map((line) => line.split('\t')), stderr };
    },
    close: () => rmSync(folder, { recursive: true }),
  };
}
