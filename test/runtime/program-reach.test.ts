// SPDX-License-Identifier: MIT
// Programs that each are odd in one way, made with cc. What is said of each is held against what the system's own
// loader does with a preloaded library.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLlamaCommand } from '../../src/runtime/command.js';
import { readElf } from '../../src/runtime/elf.js';
import { findProgram, withFile } from '../../src/runtime/find-program.js';
import { readProgramFacts } from '../../src/runtime/program-facts.js';
import { checkReach } from '../../src/runtime/program-reach.js';

const helper = fileURLToPath(new URL('../../native/build/numashard-pages', import.meta.url));
const isRoot = process.getuid?.() === 0;
const me = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const nobody = { uid: 65_534, gid: 65_534 };
let folder: string;
let library: string;

const file = (name: string): string => join(folder, name);

function compile(name: string, flags: readonly string[], text = 'int main(void) { return 0; }\n'): string {
  writeFileSync(file('source.c'), text);
  execFileSync('cc', [...flags, '-o', file(name), file('source.c')]);
  return file(name);
}

/** An odd copy of the plain program under a name of llama.cpp's. */
function copy(name: string, change: (path: string) => void): string {
  copyFileSync(file('llama-plain'), file(name));
  chmodSync(file(name), 0o755);
  change(file(name));
  return file(name);
}

function script(name: string, firstLine: string): string {
  writeFileSync(file(name), `${firstLine}\nexit 0\n`);
  chmodSync(file(name), 0o755);
  return file(name);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'numashard-reach-'));
  chmodSync(folder, 0o755);
  const says =
    '#include <unistd.h>\n__attribute__((constructor)) static void at_start(void) { write(1, "reached", 7); }\n';
  library = compile('library.so', ['-shared', '-fPIC', '-w'], says);
  compile('llama-plain', []);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

async function check(words: readonly string[], caller = me): Promise<string[]> {
  const elf = await withFile(library, readElf);
  if (elf === null) throw new Error('no ELF library here');
  return checkReach(readLlamaCommand(words, {}), {
    path: `${folder}:/usr/bin:/bin`,
    library: elf,
    readFacts: (path) => readProgramFacts(path, helper, caller),
  });
}

/** Whether the loader takes the library. */
function isReached(program: string, before: readonly string[] = []): boolean {
  const [first = '', ...rest] = [...before, 'env', `LD_PRELOAD=${library}`, program];
  const { stdout, status } = spawnSync(first, rest, { encoding: 'utf8' });
  expect(status, program).toBe(0);
  return stdout.includes('reached');
}

describe('a llama.cpp program', () => {
  it.each([
    ['with shared libraries', () => file('llama-plain')],
    ['as a script', () => script('llama-script', '#!/bin/sh')],
    ['as a script that env finds', () => script('llama-env', '#!/usr/bin/env sh')],
    ['with set-id bits of our own', () => copy('llama-own', (path) => chmodSync(path, 0o6755))],
  ])('%s is reached', async (_what, make) => {
    const program = make();
    expect(await check([program])).toEqual([]);
    expect(isReached(program)).toBe(true);
  });

  it('that is static is not', async () => {
    const program = compile('llama-static', ['-static']);
    await expect(check([program])).rejects.toMatchObject({
      code: 'preload-static',
      exitCode: 125,
      message: `${program} is linked statically: no loader reads LD_PRELOAD`,
      hint: expect.stringContaining('shared libraries'),
    });
    expect(isReached(program)).toBe(false);
    expect(isReached(compile('llama-static-pie', ['-static-pie', '-fPIE']))).toBe(false);
    await expect(check([file('llama-static-pie')])).rejects.toMatchObject({ code: 'preload-static' });
  });

  it.each([
    ['setuid', 'user', 0o4755],
    ['setgid', 'group', 0o2755],
  ])('that is %s is not', async (word, whose, mode) => {
    const program = copy(`llama-${word}`, (path) => {
      if (isRoot) chownSync(path, nobody.uid, nobody.gid);
      chmodSync(path, mode);
    });
    // Without root the file stays our own: to somebody else it is another's all the same.
    await expect(check([program], isRoot ? me : nobody)).rejects.toMatchObject({
      code: 'preload-set-id',
      message: `${program} is ${word}: started so, it ignores LD_PRELOAD`,
      hint: expect.stringMatching(new RegExp(`^chmod .-s it, or start numashard as the ${whose}`)),
    });
    if (isRoot) expect(isReached(program)).toBe(false);
  });

  it('that has the setgid bit without the group’s x is reached: that means another thing', async () => {
    const program = copy('llama-locking', (path) => {
      if (isRoot) chownSync(path, me.uid, nobody.gid);
      chmodSync(path, 0o2745);
    });
    expect(await check([program], me)).toEqual([]);
    expect(isReached(program)).toBe(true);
  });

  it('that has file capabilities is not, except by root', async ({ skip }) => {
    if (!isRoot) skip('only root may give capabilities; the lab does it too');
    execFileSync('cc', [
      '-o',
      file('grant'),
      fileURLToPath(new URL('../native/grant-capability.c', import.meta.url)),
    ]);
    const program = copy('llama-capable', () => {});
    const { status } = spawnSync(file('grant'), [program]);
    if (status !== 0) skip('no capability can be given on this file system; the lab does it too');
    expect(await check([program])).toEqual([]);
    expect(isReached(program)).toBe(true);
    await expect(check([program], nobody)).rejects.toMatchObject({
      code: 'preload-capabilities',
      message: expect.stringContaining('file capabilities'),
      hint: `setcap -r ${program}; what it needs them for can be given otherwise, locking memory by ulimit -l`,
    });
  });

  it('of musl is not', async () => {
    const program = compile('llama-musl', ['-Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1']);
    await expect(check([program])).rejects.toMatchObject({
      code: 'preload-libc',
      message: expect.stringContaining('/lib/ld-musl-x86_64.so.1'),
    });
  });

  it('of another architecture is not', async () => {
    const program = copy('llama-other', () => {});
    const bytes = execFileSync('cat', [program]);
    // e_machine of SPARC v9: for no one here.
    bytes.writeUInt16LE(43, 18);
    writeFileSync(program, bytes);
    await expect(check([program])).rejects.toMatchObject({
      code: 'preload-architecture',
      message: expect.stringMatching(/is for machine 43 \(64 bits, .*-endian\), the preload library for /),
    });
  });

  it('that is not there, or that nobody can read, is left to who starts it', async () => {
    expect(await check(['llama-nowhere'])).toEqual([]);
    expect(await check([folder])).toEqual([]);
    expect(await check([script('llama-empty', '')])).toEqual([]);
    expect(await check([script('llama-long', `#!/${'x'.repeat(1000)}`)])).toEqual([]);
    expect(await check([script('llama-loop', `#!${file('llama-loop')}`)])).toEqual([]);
  });
});

describe('what stands in front', () => {
  it.each([
    ['sudo llama-plain', 0],
    ['doas llama-plain', 0],
    ['nice -n 5 sudo -u me llama-plain', 3],
    ['systemd-run -p A=b llama-plain', 0],
    ['docker run image llama-plain', 0],
    ['ssh host llama-plain', 0],
  ])('%s loses LD_PRELOAD on the way', async (command, index) => {
    await expect(check(command.split(' '))).rejects.toMatchObject({
      code: 'preload-stripped',
      exitCode: 125,
      message: expect.stringMatching(
        new RegExp(`^\\S+ \\(word ${index} of the command\\) starts what follows`),
      ),
      hint: expect.stringMatching(/./),
    });
  });

  it.each([
    'systemd-run --scope llama-plain',
    'nice llama-plain',
    'sh -c llama-plain',
    './my-sudo llama-plain',
  ])('%s does not', async (command) => {
    expect(await check(command.split(' '))).toEqual([]);
  });

  it('a static program of another name may start one that is reached: that is a line, not a refusal', async () => {
    const program = compile('starter', ['-static']);
    expect(await check([program, 'llama-plain'])).toEqual([
      `${program} is linked statically: no loader reads LD_PRELOAD; only what it starts can be reached`,
    ]);
  });

  it('a script’s interpreter counts like a word of the command', async () => {
    const setuid = copy('shell', (path) => {
      if (isRoot) chownSync(path, nobody.uid, nobody.gid);
      chmodSync(path, 0o4755);
    });
    await expect(check([script('llama-odd', `#!${setuid} -x`)], isRoot ? me : nobody)).rejects.toMatchObject({
      code: 'preload-set-id',
    });
  });
});

it('findProgram looks where execvp looks', async () => {
  expect(await findProgram('sh', undefined)).toMatch(/^(\/usr)?\/bin\/sh$/);
  expect(await findProgram('llama-plain', `/nowhere:${folder}`)).toBe(file('llama-plain'));
  expect(await findProgram('llama-plain', '/nowhere')).toBeNull();
  expect(await findProgram(`${folder}/source.c`, '')).toBeNull();
  expect(await findProgram('', '/bin')).toBeNull();
});
