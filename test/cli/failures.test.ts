// SPDX-License-Identifier: MIT
// Wrong use, unusable input and refusals, through the real program: exit code, words, JSON document.

import { spawnSync } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { surroundings } from '../../src/cli/context.js';
import { reportFailure } from '../../src/cli/failures.js';
import { type Folder, numashard, openFolder, projectDirectory, runNode } from './numashard.js';

let folder: Folder;

beforeAll(() => {
  folder = openFolder();
});
afterAll(() => folder.remove());

describe('wrong use', () => {
  const cases: [args: string[], exitCode: number, error: string, hint: string][] = [
    [['topolgy'], 2, "unknown command 'topolgy'", 'did you mean topology?'],
    [['map', 'chek'], 2, "unknown command 'chek'", 'did you mean check?'],
    [['topology', '--jsn'], 2, "unknown option '--jsn'", 'did you mean --json?'],
    [['inspect', 'x', '--jsno'], 2, "unknown option '--jsno'", 'did you mean --json?'],
    [['plan', '--thread', '8'], 2, "unknown option '--thread'", 'did you mean --threads?'],
    [['lab', 'list', '--zzz'], 2, "unknown option '--zzz'", 'numashard lab list --help'],
    [[], 2, 'no command given', 'numashard --help'],
    [['map'], 2, 'numashard map: no command given', 'numashard map --help'],
    [['inspect'], 2, "missing required argument 'model'", 'numashard inspect --help'],
    [['inspect', 'a', 'b'], 2, 'too many arguments', 'numashard inspect --help'],
    [['plan', '--threads', '0x8'], 2, "'0x8' is invalid", 'numashard plan --help'],
    [['plan', '--strategy', 'best'], 2, "'best' is invalid", 'numashard plan --help'],
    [['plan', '--layers', '2', 'model.gguf'], 2, '--layers: the model file model.gguf', 'leave out'],
    [['map', 'check', '*:rows', '--nodes', '0'], 2, '--nodes: 0 is not', ''],
    [['map', 'check', '*:rows', '--nodes', '4', '--machine', 'x'], 2, 'cannot be used with', ''],
    [['map', 'check', '*:rows', '--nodes', '4', '-t', '0:4,0:4'], 2, 'node 0 twice', 'for example 8'],
    [['map', 'check', '*:rows', '--nodes', '4', '-t', '0:0'], 2, '0:0 is neither', 'for example 8'],
    [['map', 'check', 'atn:0', '--nodes', '4'], 2, 'column 1', 'attn'],
    [['lab', 'model', 'tex'], 2, 'unknown demo model "tex"', 'did you mean text?'],
    [['lab', 'run'], 125, "missing required argument 'command'", 'numashard lab run --help'],
    [['lab', 'run', '--machin', 'x', '--', 'true'], 125, "unknown option '--machin'", '--machine'],
    [['lab', 'run', '--machine', 'pdp-11', '--', 'true'], 125, 'unknown machine "pdp-11"', 'x86-4n'],
    [['run', '--strateg', 'rows', '--', 'true'], 125, "unknown option '--strateg'", '--strategy'],
  ];
  it.each(cases)('%j ends with %i', (args, exitCode, error, hint) => {
    const ended = numashard(args);
    expect(ended).toMatchObject({ exitCode, signal: null, stdout: '' });
    expect(ended.stderr).toMatch(/^error: .+$/m);
    expect(ended.stderr).toContain(error);
    if (hint !== '') expect(/^hint: (.*)$/m.exec(ended.stderr)?.[1]).toContain(hint);
  });
});

describe('a failure under --json', () => {
  const cases: [args: string[], exitCode: number, code: string][] = [
    [['inspect', '/no/such.gguf', '--json'], 3, 'file-unreadable'],
    [['inspect', '--json', '/'], 3, 'not-a-regular-file'],
    [['topology', '--json', '--root', '/no/such'], 3, 'topology-unreadable'],
    [['map', 'check', 'attn:9', '--nodes', '4', '--json'], 2, 'map-node'],
    [
      ['plan', '--json', '--layers', '32', '--strategy', 'weighted', '--machine', '/no/such'],
      3,
      'topology-unreadable',
    ],
    [['lab', 'model', 'nope', '--json'], 2, 'usage'],
    [['topology', '--json', '--rot', 'x'], 2, 'usage'],
    [['plan', '--export', '--json'], 2, 'usage'],
    [['verify', '--json', '999999999'], 3, 'process-gone'],
  ];
  it.each(cases)('%j is a document with its code', (args, exitCode, code) => {
    const ended = numashard(args);
    const document = JSON.parse(ended.stdout) as { schema: string; error: Record<string, unknown> };
    expect(document.schema).toBe('numashard/error/1');
    expect(document.error).toMatchObject({ code, message: expect.any(String) });
    expect(Object.keys(document.error)).toEqual(['code', 'message', 'hint']);
    expect(ended.stderr).toContain(`error: ${document.error['message']}`);
    expect(ended.exitCode).toBe(exitCode);
  });

  it('is none when the word belongs to the child', () => {
    const { stdout, exitCode } = numashard(['lab', 'run', '--machine', 'pdp-11', '--', 'tool', '--json']);
    expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 125 });
  });
});

describe('the system refuses', () => {
  it('output that finds no room ends with 4', () => {
    const full = openSync('/dev/full', 'w');
    const words = [join(projectDirectory, 'bin/numashard'), 'lab', 'list'];
    const { status, stderr } = spawnSync(process.execPath, words, {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect(status).toBe(4);
    expect(stderr).toContain('ENOSPC');
  });

  it('a reader that has seen enough is no failure', () => {
    const script = '{ "$0" "$1" lab list --json; echo "ended $?" >&2; } | true';
    const words = ['-c', script, process.execPath, join(projectDirectory, 'bin/numashard')];
    expect(spawnSync('sh', words, { encoding: 'utf8' }).stderr).toBe('ended 0\n');
  });

  it('what is refused beyond our own checks carries the code "system"', () => {
    let thrown: unknown;
    try {
      openSync(folder.file('no/such/folder/file'), 'w');
    } catch (error) {
      thrown = error;
    }
    const said: string[] = [];
    let ending: unknown;
    const context = {
      ...surroundings({}, false),
      stdout: (text: string | Uint8Array) => void said.push(`${text}`),
      stderr: () => {},
      endWith: (how: unknown) => {
        ending = how;
      },
      env: {},
      isTerminal: { stdout: false, stderr: false },
    };
    reportFailure(thrown, { command: 'numashard plan', isJson: true, hasChild: false }, context);
    expect(JSON.parse(said.join('')).error.code).toBe('system');
    expect(ending).toBe(4);
  });
});

describe('an install that is not whole', () => {
  it('says what to run when it is not built', () => {
    mkdirSync(folder.file('checkout/bin'), { recursive: true });
    writeFileSync(folder.file('checkout/package.json'), '{"type": "module"}');
    copyFileSync(join(projectDirectory, 'bin/numashard'), folder.file('checkout/bin/numashard'));
    const ended = runNode([folder.file('checkout/bin/numashard'), '--version']);
    expect(ended).toMatchObject({ exitCode: 4, stdout: '' });
    expect(ended.stderr).toContain('npm run build');
  });

  it('says which Node.js it needs', () => {
    const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '18.20.4' } });`;
    writeFileSync(folder.file('old.cjs'), pretend);
    const ended = runNode([
      '-r',
      folder.file('old.cjs'),
      join(projectDirectory, 'bin/numashard'),
      '--version',
    ]);
    expect(ended).toMatchObject({ exitCode: 2, stdout: '' });
    expect(ended.stderr).toMatch(/18\.20\.4 is too old.*20/);
  });
});
