// SPDX-License-Identifier: MIT
// numashard-pages and what it must not accept: src/runtime/page-helper.ts is its only caller, but not its judge.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canCompileNative, sanitizerLibraries, sanitizers, sourcesIn } from './preload-workshop.js';

const compiler = 'cc';
const page = Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }));
const builds: [string, string[]][] = [
  ['as it is shipped', []],
  ['under sanitizers', sanitizers],
];

describe.each(builds)('the page helper, %s', (_name, flags) => {
  const isPossible = flags.length > 0 ? sanitizerLibraries(compiler) !== null : canCompileNative(compiler);

  describe.skipIf(!isPossible)('on this machine', () => {
    let folder: string;
    let program: string;
    let model: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'numashard-pages-'));
      program = join(folder, 'pages');
      model = join(folder, 'model');
      const warnings = ['-std=c11', '-D_GNU_SOURCE', '-g', '-O1', '-Wall', '-Wextra', '-Werror'];
      execFileSync(compiler, [...warnings, ...flags, '-o', program, ...sourcesIn('pages', 'cache')]);
      writeFileSync(model, new Uint8Array(40 * page + 100).fill(7));
    }, 60_000);
    afterAll(() => rmSync(folder, { recursive: true }));

    const ask = (args: string[], input: string) => {
      const { status, stdout, stderr } = spawnSync(program, args, {
        input,
        encoding: 'utf8',
        timeout: 20_000,
      });
      return { status, stdout, stderr };
    };

    it.each([
      'x',
      '5',
      '5 ',
      '5  5',
      '-5 5',
      '5 -5',
      '5 5 5',
      '5 5x',
      '0x5 5',
      '18446744073709551616 1',
      '144115188075855872 1',
      `${'9'.repeat(500)} 1`,
    ])('refuses the line %j', (line) => {
      const { status, stdout, stderr } = ask(['file-query', model], `0 1\n${line}\n0 1\n`);
      expect(status).toBe(2);
      expect(stdout.split('\n')).toHaveLength(2);
      expect(stderr).toMatch(/^standard input, line 2: ".*", wanted "start length" in bytes\n$/);
    });

    it.each(['0 4096', '0 4096 -1', '0 4096 1024', '0 4096 node0'])('refuses to place %j', (line) => {
      expect(ask(['file-place', model], `${line}\n`)).toMatchObject({ status: 2, stdout: '' });
    });

    it('answers each line with the pages that the file has', () => {
      const whole = `${41 * page}`;
      const { status, stdout } = ask(
        ['file-query', model],
        `0 ${whole}\n0 0\n${page} 1\n${whole} 5\n0 99999999999999\n`,
      );
      expect(status).toBe(0);
      const [all, none, one, behind, more] = stdout.split('\n').map(pagesOf);
      expect([all, none, one, behind, more]).toEqual([41, 0, 1, 0, 41]);
    });

    it('finds and counts pages of more than one of its chunks', () => {
      const large = join(folder, 'large');
      writeFileSync(large, '');
      truncateSync(large, 40_000 * page);
      const { stdout } = ask(['file-query', large], `0 ${40_000 * page}\n`);
      expect(stdout).toBe('-1 40000\n'); // nothing of it was ever read, and looking reads nothing
    });

    it('places on a node that is there, and says which is not', () => {
      const { status, stdout } = ask(['file-place', model], `0 ${2 * page} 0\n${39 * page} ${9 * page} 0\n`);
      expect({ status, stdout: stdout.split('\n').slice(0, 2) }).toEqual({ status: 0, stdout: ['2', '2'] });
      expect(stdout).toMatch(/^read \d+ moved 0 dropped 0 misplaced 0$/m);
      const refused = ask(['file-place', model], `0 ${page} 1023\n`);
      expect(refused).toMatchObject({ status: 4, stderr: expect.stringContaining('node 1023: ') });
    });

    it('asks about a process, and knows one that is gone from one that is none', () => {
      const { status, stdout } = ask(['query', `${process.pid}`], `${page} ${3 * page}\n0 0\n`);
      expect({ status, stdout }).toEqual({ status: 0, stdout: '-1 3\n\n' });
      expect(ask(['query', '4194303'], '0 1\n')).toMatchObject({ status: 3 });
      for (const pid of ['0', '-1', 'self', '', '99999999999'])
        expect(ask(['query', pid], '0 1\n'), pid).toMatchObject({ status: 2, stdout: '' });
    });

    it('neither believes nor reads in what another owner hides', ({ skip }) => {
      if (process.getuid?.() !== 0) skip('only root can ask as somebody else');
      const hidden = join(folder, 'hidden');
      const line = `0 ${1000 * page}\n`;
      writeFileSync(hidden, new Uint8Array(1000 * page).fill(7), { mode: 0o644, flush: true });
      execFileSync('dd', [`if=${hidden}`, 'iflag=nocache', 'count=0', 'status=none']);
      if (ask(['file-query', hidden], line).stdout !== '-1 1000\n') skip('this file system keeps its cache');
      ask(['file-place', hidden], `0 ${2 * page} 0\n`);
      chmodSync(folder, 0o755);
      const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups', program];
      const seen = spawnSync('setpriv', [...nobody, 'file-query', hidden], { input: line, encoding: 'utf8' });
      expect(seen).toMatchObject({ status: 0, stderr: '' });
      // A disk may answer a question before it is asked whether it had to: single pages, of those asked about.
      for (const { stdout } of [seen, ask(['file-query', hidden], line)]) {
        expect(stdout).toMatch(/^0 [2-5],-1 /);
        expect(cachedPages(stdout)).toBeLessThan(12);
        expect(pagesOf(stdout.trim())).toBe(1000);
      }
    });

    it('tells capabilities and mount of a program', () => {
      const { status, stdout } = ask(['program', program], '');
      expect({ status, stdout }).toEqual({
        status: 0,
        stdout: expect.stringMatching(/^capabilities 0 nosuid [01]\n$/),
      });
      expect(ask(['program', join(folder, 'none')], '')).toMatchObject({ status: 3, stdout: '' });
    });

    it('takes no other thing for a file with data', () => {
      for (const path of [folder, join(folder, 'none'), '/dev/zero', '/proc/self/maps'])
        expect(ask(['file-query', path], '0 1\n'), path).toMatchObject({ status: 3, stdout: '' });
    });
  });
});

function cachedPages(line: string): number {
  return pagesOf(
    line
      .trim()
      .split(',')
      .filter((run) => !run.startsWith('-'))
      .join(','),
  );
}

/** "node count,node count…" */
function pagesOf(line: string): number {
  const runs = line === '' ? [] : line.split(',');
  return runs.reduce((sum, run) => sum + Number(run.split(' ')[1]), 0);
}
