// SPDX-License-Identifier: MIT
// The header as a library: it compiles wherever it may be included, its own example works, and what it places
// is where the kernel finds it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { line } from './case-lines.js';
import {
  askProgram,
  hasCompiler,
  nativeFolder,
  openWorkshop,
  sanitizers,
  type Workshop,
} from './native-program.js';

const header = join(nativeFolder, 'include', 'ggml-numa-shard.h');
const text = readFileSync(header, 'utf8');

/** The program in the documentation at the top of the header. */
const example = text
  .slice(text.indexOf('#include "ggml-numa-shard.h"'), text.indexOf('* The map is rules'))
  .replaceAll(/^ \* {5}/gm, '')
  .replace(/[ *\n]*$/, '\n');

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

  for (const [compiler, flags, extension] of [
    ['cc', ['-std=c11'], 'c'],
    ['cc', ['-std=gnu11', '-O3'], 'c'],
    ['cc', ['-std=c11', '-U__linux__'], 'c'],
    ['clang', ['-std=c11', '-Wno-unused-command-line-argument'], 'c'],
    ['c++', ['-std=c++17'], 'cc'],
    ['clang++', ['-std=c++17', '-O2'], 'cc'],
    ['powerpc64le-linux-gnu-gcc', ['-std=c11', '-mcpu=power8', '-mvsx', '-static'], 'c'],
    ['powerpc64-linux-gnu-gcc', ['-std=c11', '-static'], 'c'],
    ['aarch64-linux-gnu-gcc', ['-std=c11', '-static'], 'c'],
  ] as const) {
    test.skipIf(!hasCompiler(compiler))(`${compiler} ${flags.join(' ')}`, () => {
      const alone = write(`alone.${extension}`, '#include "ggml-numa-shard.h"\nint main() { return 0; }\n');
      workshop.compile(alone, flags, compiler);
      const source = write(`example.${extension}`, example);
      workshop.compile(source, flags, compiler);
    });
  }

  test('the example runs, flat or not', () => {
    const program = workshop.compile(write('run.c', example), ['-std=c11', ...sanitizers]);
    const run = (map: string) =>
      spawnSync(program, { encoding: 'utf8', env: { ...process.env, GGML_NUMA_SHARD_MAP: map } });
    expect(run('*:0')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^node (0|-1)$/m) });
    expect(run('0-8:node3,atn:node0').stderr).toMatch(/column \d+, rule/);
  });

  describe.skipIf(process.platform !== 'linux')('on Linux', () => {
    let root: string;
    beforeAll(() => {
      root = join(folder, 'sys', 'node');
      const meminfo = (node: number, kib: number) =>
        `Node ${node} MemTotal:  ${kib} kB\nNode ${node} MemFree:  ${kib} kB\nNode ${node} FilePages:  0 kB\n`;
      for (const node of [0, 1]) {
        write(`sys/node/node${node}/cpulist`, `${node}\n`);
        write(`sys/node/node${node}/meminfo`, meminfo(node, 16_000_000));
      }
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

    test('places, counts and takes back; where mbind is refused, by first touch', () => {
      const source = join(nativeFolder, 'test', 'header-api.c');
      const program = workshop.compile(source, ['-std=gnu11', ...sanitizers]);
      for (const args of [[root], [root, 'container']]) {
        expect(spawnSync(program, args, { encoding: 'utf8' })).toMatchObject({
          status: 0,
          stdout: '',
          stderr: '',
        });
      }
    });
  });
});
