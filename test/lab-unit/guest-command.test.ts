// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandScript, parseCommandEnd } from '../../src/lab/guest-command.js';

describe('commandScript', () => {
  it('refuses what no program can be given', () => {
    expect(() => commandScript([], {}, 0)).toThrow(expect.objectContaining({ code: 'usage' }));
    expect(() => commandScript(['a\0b'], {}, 0)).toThrow(/NUL/);
    expect(() => commandScript(['a'], { X: '\0' }, 0)).toThrow(/NUL/);
    expect(() => commandScript(['a'], { 'X;reboot': '1' }, 0)).toThrow(/"X;reboot"/);
    expect(() => commandScript(['a'], { '': '1' }, 0)).toThrow(/not the name/);
  });

  it('hands any argument and any value through a shell unchanged', () => {
    const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', ''));
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), text, (words, value) => {
        const program = 'process.stdout.write(JSON.stringify([process.argv.slice(1), process.env.VALUE]))';
        const script = commandScript([process.execPath, '-e', program, '--', ...words], { VALUE: value }, 0);
        const withoutHome = script.replace(/^cd .*$/m, '');
        const output = execFileSync('sh', ['-c', withoutHome], { encoding: 'utf8' });
        expect(JSON.parse(output)).toEqual([words, value]);
      }),
      { numRuns: 15 },
    );
  });

  it('sets up the home of the user it runs as', () => {
    expect(commandScript('true', {}, 1000)).toContain("export XDG_RUNTIME_DIR='/run/user/1000'");
    expect(commandScript('true', { HOME: '/x' }, 1000)).toContain("export HOME='/x'");
  });
});

describe('parseCommandEnd', () => {
  it.each([
    ['', 0, null],
    ['Command exited with non-zero status 3', 3, null],
    ['Command exited with non-zero status 143', 143, null],
    ['Command terminated by signal 15', null, 'SIGTERM'],
    ['terminated by signal 9', null, 'SIGKILL'],
    ['Command terminated by signal 40', null, 'SIG40'],
  ])('%j', (line, exitCode, signal) => {
    expect(parseCommandEnd(line)).toEqual({ exitCode, signal });
  });
});
