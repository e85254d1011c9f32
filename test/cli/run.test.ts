// SPDX-License-Identifier: MIT
// `numashard run` as env(1) would have it, through the real program. On a machine with one node nothing is placed;
// on one with several the maps and plans given here keep llama.cpp out of it.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTopology } from '../../src/topology/read-topology.js';
import { type Folder, numashard, openFolder, projectDirectory, tinyModelFile } from './numashard.js';

let folder: Folder;
let model: string;
const { nodes, limits } = await readTopology();
const hasOneNode = nodes.length === 1;
const firstNode = nodes[0]?.id ?? 0;

beforeAll(async () => {
  folder = openFolder();
  model = await tinyModelFile(folder);
});
afterAll(() => folder.remove());

function script(name: string, text: string): string {
  writeFileSync(folder.file(name), `#!/bin/sh\n${text}\n`);
  chmodSync(folder.file(name), 0o755);
  return folder.file(name);
}

function compileStatic(): string {
  writeFileSync(folder.file('static.c'), 'int main(void) { return 0; }\n');
  execFileSync('cc', ['-static', '-o', folder.file('llama-static'), folder.file('static.c')]);
  return folder.file('llama-static');
}

const flat = ['run', '--strategy', 'flat', '--'];

describe('what is refused before anything starts', () => {
  /** A program that leaves a trace. */
  const witness = () => script('witness', `touch '${folder.file('started')}'`);

  it.each([
    ['no command', () => ['run'], /missing required argument/],
    ['an unknown option', () => ['run', '--verfy', 'true'], /unknown option '--verfy'/],
    ['an unknown strategy', () => ['run', '--strategy', 'best', '--', 'true'], /argument 'best' is invalid/],
    ['a map that does not parse', () => ['run', '--map', 'attn', '--', witness()], /column 1/],
    ['a map for a node that is not there', () => ['run', '--map', '*:node999', '--', witness()], /node 999/],
    [
      'a map past the model’s last layer',
      () => ['run', '--map', `0-2:node${firstNode}`, '--', witness(), '-m', model],
      /layer 2 is past the model's last, 1/,
    ],
    [
      'a map and a plan',
      () => ['run', '--map', '*:rows', '--plan', 'p', '--', witness()],
      /'--map <map>' cannot be used with option '--plan <file>'/,
    ],
    [
      'a map and a strategy',
      () => ['run', '--map', '*:rows', '--strategy', 'rows', '--', witness()],
      /'--map <map>' cannot be used with option '--strategy <name>'/,
    ],
    ['a plan that is not there', () => ['run', '--plan', folder.file('none'), '--', witness()], /ENOENT/],
    [
      'a plan that is no JSON',
      () => {
        writeFileSync(folder.file('plan'), 'GGML_NUMA_SHARD_MAP=*:rows');
        return ['run', '--plan', folder.file('plan'), '--', witness()];
      },
      /plan .*plan is not JSON/,
    ],
    [
      '--numa isolate beside a map',
      () => ['run', '--map', `*:rows(${firstNode})`, '--', witness(), '--numa', 'isolate'],
      /--numa isolate \(word 1 of the command\)/,
    ],
    [
      'pinned threads beside a map',
      () => ['run', '--map', `*:rows(${firstNode})`, '--', witness(), '--cpu-strict', '1'],
      /--cpu-strict 1 \(word 1 of the command\)/,
    ],
    [
      'CPUs that nobody can tell',
      () => ['run', '--map', `*:rows(${firstNode})`, '--', 'numactl', '-N', '+0', witness()],
      /numactl -N \+0 \(word 1 of the command\)/,
    ],
    [
      'another model beside the command’s',
      () => ['run', '-m', 'other.gguf', '--map', `*:node${firstNode}`, '--', witness(), '-m', model],
      /-m .*tiny.gguf \(word 1 of the command\) names another model than --model other.gguf/,
    ],
    [
      'other threads beside the command’s',
      () => ['run', '-t', '4', '--map', `*:rows(${firstNode})`, '--', witness(), '-t', '2'],
      /-t 2 \(word 1 of the command\) gives 2 threads, --threads 4 of numashard run others/,
    ],
    ['no thread', () => ['run', '-t', '0', '--', witness()], /argument '0' is invalid/],
    [
      'sudo in the command',
      () => ['run', '--map', `*:node${firstNode}`, '--', 'sudo', witness()],
      /sudo \(word 0 of the command\) starts what follows without LD_PRELOAD\nhint: put it in front: sudo numashard run/,
    ],
    [
      'a static llama.cpp',
      () => ['run', '--map', `*:node${firstNode}`, '--', compileStatic(), '-m', model],
      /llama-static is linked statically: no loader reads LD_PRELOAD/,
    ],
    ['a report in no folder', () => ['run', '--report', '/no/such/r.json', '--', witness()], /ENOENT/],
    ['a report below a file', () => ['run', '--report', join(model, 'r'), '--', witness()], /ENOTDIR/],
    ['a report that is a folder', () => ['run', '--report', folder.path, '--', witness()], /EISDIR/],
  ])('%s', (_what, words, message) => {
    const { exitCode, stdout, stderr } = numashard(words());
    expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^hint: /m);
    expect(existsSync(folder.file('started'))).toBe(false);
  });
});

describe('what cannot be started', () => {
  it.each([
    ['no-such-program-here', 127],
    [projectDirectory, 126],
    [join(projectDirectory, 'package.json'), 126],
  ])('%s ends with %i', (program, exitCode) => {
    const ended = numashard([...flat, program]);
    expect(ended.exitCode).toBe(exitCode);
    expect(ended.stderr).toMatch(/^error: .*\nhint: /m);
  });
});

describe('a command', () => {
  it('gets its words untouched, and its streams', () => {
    const words = ['%s\\n', '', ' ', '*', '--json', '--', '-m', "a'b", 'ä\n', '--help'];
    const { stdout, exitCode } = numashard([...flat, 'printf', ...words]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      words
        .slice(1)
        .map((word) => `${word}\n`)
        .join(''),
    );
  });

  it.runIf(hasOneNode)('on one node runs as before, with one line said', () => {
    const { exitCode, stdout, stderr } = numashard(['run', '--', 'sh', '-c', 'echo out; exit 7']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 7, stdout: 'out\n' });
    expect(stderr).toBe('numashard: one NUMA node: nothing to place, llama.cpp runs as it would by itself\n');
  });

  it.runIf(hasOneNode)('keeps its environment where nothing is placed', () => {
    const env = { XDG_RUNTIME_DIR: folder.path, GREETING: 'a  b' };
    const { stdout } = numashard(['run', '--verify', '--', 'env'], env);
    expect(stdout).toContain('GREETING=a  b\n');
    expect(stdout).not.toMatch(/LD_PRELOAD|GGML_NUMA_SHARD/);
  });

  it('runs with a model that we cannot read: llama.cpp may', () => {
    const { exitCode, stderr } = numashard([...flat, 'true', '-m', folder.file('missing.gguf')]);
    expect(exitCode).toBe(0);
    expect(stderr).toContain('going by tensor names alone');
  });

  it.each([0, 1, 2, 124, 125, 255])('ends with its code %i', (code) => {
    expect(numashard([...flat, 'sh', '-c', `exit ${code}`]).exitCode).toBe(code);
  });

  it.each(['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGABRT', 'SIGPIPE', 'SIGHUP', 'SIGUSR1'] as const)(
    'that dies by %s lets us die by it',
    (signal) => {
      const ended = numashard([...flat, 'sh', '-c', `ulimit -c 0; kill -${signal.slice(3)} $$`]);
      expect({ exitCode: ended.exitCode, signal: ended.signal }).toEqual({ exitCode: null, signal });
    },
  );

  it('has its report written, also where nothing was placed', () => {
    const report = folder.file('report.json');
    expect(
      numashard(['run', '--report', report, '--strategy', 'flat', '--', 'sh', '-c', 'exit 3']).exitCode,
    ).toBe(3);
    expect(JSON.parse(readFileSync(report, 'utf8'))).toEqual({
      schema: 'numashard/run/1',
      command: ['sh', '-c', 'exit 3'],
      environment: {},
      ended: { exitCode: 3, signal: null },
      faults: [],
      verified: false,
      processes: [],
    });
    expect(numashard(['run', '--report', '/dev/null', '--strategy', 'flat', '--', 'true']).exitCode).toBe(0);
  });
});

describe('a command under a map', () => {
  const map = ['run', '--map', `*:node${firstNode}`];

  it('gets the preload library, the map and the gate, and no other change', () => {
    const { stdout } = numashard([...map, '--', 'env'], { XDG_RUNTIME_DIR: folder.path });
    expect(stdout).toContain(`GGML_NUMA_SHARD_MAP=*:node${firstNode}\n`);
    expect(stdout).toMatch(/^LD_PRELOAD=.*libnumashard\.so$/m);
    const gate = /^GGML_NUMA_SHARD_GATE=(.+)$/m.exec(stdout)?.[1] ?? '';
    expect(gate).not.toBe('');
    expect(existsSync(gate)).toBe(false);
  });

  it('that computes nothing fails only under --verify', () => {
    const plain = numashard([...map, '--', 'true']);
    expect(plain.exitCode).toBe(0);
    expect(plain.stderr).toContain('FAILED: no hook fired');
    const verified = numashard([...map, '--verify', '--', 'true']);
    expect(verified.exitCode).toBe(125);
    expect(verified.stderr).toContain('FAILED: no hook fired');
    expect(verified.stderr).not.toContain('not verified');
    const failed = numashard([...map, '--verify', '--', 'sh', '-c', 'exit 9']);
    expect(failed.exitCode).toBe(9);
    expect(failed.stderr).toContain('not verified');
    expect(failed.stderr).not.toContain('FAILED');
  });

  it('is taken from the environment, unless an option says otherwise', () => {
    const env = { GGML_NUMA_SHARD_MAP: `attn:node${firstNode}` };
    expect(numashard(['run', '--', 'env'], env).stderr).toContain(`map attn:node${firstNode}`);
    expect(numashard([...flat, 'env'], env).stdout).not.toContain('LD_PRELOAD');
  });

  it('keeps another library that is preloaded', () => {
    const { stdout } = numashard([...map, '--', 'sh', '-c', 'printf %s "$LD_PRELOAD"'], { LD_PRELOAD: '' });
    expect(stdout).toMatch(/^[^:]*libnumashard\.so$/);
  });

  it('is told of the threads named beside it', () => {
    const { stdout } = numashard(['run', '-t', '3', '--map', `*:rows(${firstNode})`, '--', 'env']);
    expect(stdout).toContain('LLAMA_ARG_THREADS=3\n');
  });

  it('is told how many threads are planned', () => {
    const threads = `LLAMA_ARG_THREADS=`;
    const { stdout, stderr } = numashard(['run', '--map', `*:rows(${firstNode})`, '--', 'env']);
    const count = Number(new RegExp(`^${threads}(\\d+)$`, 'm').exec(stdout)?.[1]);
    expect(count).toBeGreaterThanOrEqual(1);
    expect(count).toBeLessThanOrEqual(limits.cpus.length);
    expect(stderr).toContain(`${threads}${count}`);
  });
});

describe('signals', () => {
  /** Runs a shell that says which signal it got, and waits until its trap stands. */
  async function start(words: readonly string[]): Promise<{ child: ChildProcess; output: () => string }> {
    const trap = 'for s in TERM INT HUP USR1 USR2 QUIT; do trap "echo got $s; exit 33" $s; done';
    const child = spawn(
      process.execPath,
      [
        join(projectDirectory, 'bin/numashard'),
        ...words,
        'sh',
        '-c',
        `${trap}; echo ready; while :; do sleep 0.05; done`,
      ],
      { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
    );
    let output = '';
    await new Promise<void>((resolve) => {
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        if (output.includes('ready')) resolve();
      });
    });
    return { child, output: () => output };
  }

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGQUIT'] as const)(
    '%s is passed on, and the child decides how it ends',
    async (signal) => {
      const { child, output } = await start(flat);
      // As soon as it is ready, so that this also fails when the child is there before the handlers are.
      child.kill(signal);
      const exitCode = await new Promise((resolve) => child.once('close', resolve));
      expect(output()).toBe(`ready\ngot ${signal.slice(3)}\n`);
      expect(exitCode).toBe(33);
    },
  );
});
