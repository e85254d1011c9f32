// SPDX-License-Identifier: MIT
// What a caller of launch() sees; signals that the program passes on are in test/cli/run.test.ts.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launch } from '../../src/runtime/launch.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'numashard-launch-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const PATH = process.env['PATH'];

describe('launch', () => {
  it.each([
    ['a missing program', () => ['no-such-program-here'], 127, /no program no-such-program-here on PATH/],
    ['a directory', () => [folder], 126, /cannot be started: EACCES/],
    [
      'a file without the right to run it',
      () => {
        writeFileSync(join(folder, 'text'), 'text');
        return [join(folder, 'text')];
      },
      126,
      /cannot be started: EACCES/,
    ],
  ])('says that it cannot start %s', async (_what, make, exitCode, message) => {
    await expect(launch(make(), { env: { PATH } })).rejects.toMatchObject({
      code: 'command-not-found',
      exitCode,
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  it('gives the environment that it is told, and tells the pid', async () => {
    const out = join(folder, 'out');
    let started = 0;
    const ended = await launch(['sh', '-c', `echo $$ "$WORD" "$HOME" > '${out}'`], {
      env: { PATH, WORD: 'a b', HOME: undefined },
      onStart: (pid) => {
        started = pid;
      },
    });
    expect(ended).toEqual({ exitCode: 0, signal: null });
    expect(readFileSync(out, 'utf8')).toBe(`${started} a b \n`);
  });

  it('tells how a program ended', async () => {
    expect(await launch(['sh', '-c', 'exit 7'], { env: { PATH } })).toEqual({ exitCode: 7, signal: null });
    expect(await launch(['sh', '-c', 'kill -KILL $$'], { env: { PATH } })).toEqual({
      exitCode: null,
      signal: 'SIGKILL',
    });
  });

  it('takes its listeners away again', async () => {
    const before = process.listenerCount('SIGTERM');
    await launch(['true'], { env: { PATH } });
    await launch(['no-such-program-here'], { env: { PATH } }).catch(() => {});
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });
});
