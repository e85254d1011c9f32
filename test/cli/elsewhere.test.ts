// SPDX-License-Identifier: MIT
// On a macOS or Windows laptop: inspect, plan and map work for a recorded server, with no native part and no process
// started; the other commands say what they need.
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Folder,
  machineArchive,
  machineDirectory,
  numashard,
  openFolder,
  projectDirectory,
  runNode,
  tinyModelFile,
} from './numashard.js';

const elsewhere = fileURLToPath(new URL('elsewhere.mjs', import.meta.url));
let folder: Folder;
let model: string;
let archive: string;

beforeAll(async () => {
  folder = openFolder();
  model = await tinyModelFile(folder);
  archive = machineArchive(folder, 'four-nodes');
});
afterAll(() => folder.remove());

describe.each([
  ['darwin', 'macOS'],
  ['win32', 'Windows'],
])('on %s', (platform, name) => {
  const there = (...words: string[]) =>
    runNode(['--import', elsewhere, `${projectDirectory}bin/numashard`, ...words], { ELSEWHERE: platform });

  it('inspect, plan and map answer as on Linux', () => {
    for (const words of [
      ['inspect', model, '--json'],
      ['plan', model, '--machine', archive, '--threads', '8'],
      [
        'plan',
        '--layers',
        '32',
        '--machine',
        machineDirectory(folder, 'power8-gaps'),
        '--strategy',
        'layers',
      ],
      ['map', 'check', '0-1:1,*:rows', model, '--nodes', '4'],
      ['map', 'explain', '*:rows', model, '--machine', archive, '--json'],
      ['topology', '--root', archive],
      ['lab', 'list'],
    ]) {
      const here = numashard(words);
      expect(here.exitCode, here.stderr).toBe(0);
      expect(there(...words), words.join(' ')).toEqual(here);
    }
  });

  it('plan --export says that LD_PRELOAD is missing, --version that there is no library', () => {
    const { exitCode, stdout, stderr } = there(
      'plan',
      model,
      '--machine',
      archive,
      '-t',
      '8',
      '--export=env',
    );
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: 'GGML_NUMA_SHARD_MAP=*:rows\nGGML_NUMA_SHARD_THREADS=0:2,1:2,2:2,3:2\n',
    });
    expect(stderr).toMatch(/^numashard: LD_PRELOAD is left out/m);
    expect(there('--version').stdout).toMatch(/^preload +not built/m);
  });

  it.each([
    ['run', 125, ['run', '--', 'llama-server', '-m', 'x.gguf']],
    ['place', 4, ['place', 'x.gguf', '-t', '8']],
    ['verify', 4, ['verify', '4242']],
    ['lab run', 125, ['lab', 'run', '--', 'true']],
    ['lab demo', 4, ['lab', 'demo']],
  ] as const)('%s says what it needs', (command, exitCode, words) => {
    const ended = there(...words);
    expect(ended).toMatchObject({ exitCode, stdout: '' });
    expect(ended.stderr).toMatch(
      new RegExp(
        `^error: numashard ${command} needs Linux: it.*; this is ${name}\nhint: inspect, plan and map`,
      ),
    );
  });

  it.each([['topology'], ['plan', '--layers', '4'], ['map', 'check', '*:rows']])(
    '%s of this machine',
    (...words) => {
      const ended = there(...words);
      expect(ended).toMatchObject({ exitCode: 4, stdout: '' });
      expect(ended.stderr).toMatch(
        /^error: the NUMA nodes of this machine .*\nhint: name a recorded machine/,
      );
    },
  );
});

it('the simulation forbids what it says', () => {
  const script = "import('node:child_process').then(({ spawn }) => spawn('true'))";
  const { exitCode, stderr } = runNode(['--import', elsewhere, '-e', script], { ELSEWHERE: 'darwin' });
  expect(exitCode).toBe(1);
  expect(stderr).toContain('FORBIDDEN: spawn');
});
