// SPDX-License-Identifier: MIT
// The header as a library: its size, its own example, the machines it reads. Every compiler and every machine:
// test/compilers; what it places: test/lab/header.lab.ts.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { line } from './case-lines.js';
import {
  askProgram,
  hasCompiler,
  headerExample,
  nativeFolder,
  openWorkshop,
  sanitizers,
  type Workshop,
} from './native-program.js';

const header = join(nativeFolder, 'include', 'ggml-numa-shard.h');
const text = readFileSync(header, 'utf8');

test('the header is at most 1,200 lines, in named sections', () => {
  expect(text.split('\n').length - 1).toBeLessThanOrEqual(1200);
  expect(text.match(/^\/\* ==== /gm)?.length).toBeGreaterThanOrEqual(8);
});

describe.skipIf(!hasCompiler('cc'))('compiled (skipped without a C compiler)', () => {
  let workshop: Workshop;
  let folder: string;
  beforeAll(() => {
    workshop = openWorkshop();
    folder = workshop.folder;
  });
  afterAll(() => workshop.remove());

  function write(path: string, content: string): string {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  test('the example runs, flat or not', () => {
    const program = workshop.compile(write('run.c', headerExample()), ['-std=c11', ...sanitizers]);
    const run = (map: string) =>
      spawnSync(program, { encoding: 'utf8', env: { ...process.env, GGML_NUMA_SHARD_MAP: map } });
    expect(run('*:0')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^node (0|-1)$/m) });
    expect(run('0-8:node3,atn:node0').stderr).toMatch(/column \d+, rule/);
  });

  describe.skipIf(process.platform !== 'linux')('on Linux', () => {
    beforeAll(() => {
      const meminfo = (node: number, kib: number) =>
        `Node ${node} MemTotal:  ${kib} kB\nNode ${node} MemFree:  ${kib} kB\n`;
      for (const [node, cpus, kib] of [
        [0, '0-2,5', 1000],
        [8, '', 1000],
        [16, '8', 0],
        [255, '9-10\u0000', 1000],
      ] as const) {
        write(`gaps/node/node${node}/cpulist`, `${cpus}\n`);
        write(`gaps/node/node${node}/meminfo`, meminfo(node, kib));
      }
      write('gaps/node/nodex/cpulist', '7\n');
    });

    test('reads nodes with gaps, without CPUs, without memory, and machines without nodes', () => {
      const program = workshop.compile(join(nativeFolder, 'test', 'shardmap-cases.c'), [
        '-std=c11',
        ...sanitizers,
      ]);
      const ask = (path: string) => askProgram(program, [line('nodes', join(folder, path))])[0];
      expect(ask('gaps/node')).toBe('0,8,255 | 0,255 | 0,1,2,5 | 9,10');
      expect(ask('nowhere/node')).toBe('0 | 0 | ');
    });
  });
});
