// SPDX-License-Identifier: MIT
// The preload library in a program that uses ggml as llama.cpp does (native/test/preload-host.c): what is read
// as weights is the file, byte for byte, whatever happens to the file, to limits, to threads and to children.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findReportProblem } from '../../src/runtime/report-problem.js';
import {
  canCompileNative,
  openPreloadWorkshop,
  type PreloadBuild,
  type PreloadWorkshop,
  sanitizerLibraries,
  sanitizers,
} from './preload-workshop.js';

const done = { status: 0, stdout: 'done\n', stderr: '' };
const oneLine = (reason: string) => ({
  status: 0,
  stdout: 'done\n',
  stderr: expect.stringMatching(new RegExp(`^numashard: [^\n]*${reason}[^\n]*\n$`)),
});
const gone = oneLine('stays in the page cache: its file was deleted, replaced or cut');

/** Debian's has its version in its name, and set-up installs that one. */
const clang = canCompileNative('clang') ? 'clang' : 'clang-19';

const builds: [string, string, string[]][] = [
  ['as it is shipped', 'cc', []],
  ['compiled by clang', clang, []],
  ['under address and undefined-behaviour sanitizers', 'gcc', sanitizers],
];

describe.each(builds)('the preload library, %s', (name, compiler, flags) => {
  const isSanitized = flags.length > 0;
  const isPossible = isSanitized ? sanitizerLibraries(compiler) !== null : canCompileNative(compiler);

  describe.skipIf(!isPossible)('inside a program', () => {
    let workshop: PreloadWorkshop;
    let built: PreloadBuild;
    beforeAll(() => {
      workshop = openPreloadWorkshop();
      built = workshop.build(name.replaceAll(' ', '-'), compiler, flags);
    }, 120_000);
    afterAll(() => workshop?.remove());

    it('covers mapped weights with what the file holds, through loads, frees and other files in between', () => {
      expect(built.run('content')).toEqual(done);
    });

    it.each([
      ['replaced before the first tensor', 'replaced', {}],
      ['replaced between two tensors', 'replaced', { BETWEEN: '1' }],
      ['deleted', 'deleted', {}],
      ['deleted, and a pipe took its name', 'deleted', { PIPE: '1' }],
      ['cut short', 'truncated', {}],
    ])('leaves the mapping alone where the file was %s, and says so once', (_what, scenario, env) => {
      expect(built.run(scenario, env)).toEqual(gone);
    });

    const cached = { GGML_NUMA_SHARD_RESIDENCY: 'page-cache', EXPECT_FILE: '1' };

    it('keeps the file mapping where the page cache was asked for, and says of one node that all is right', () => {
      expect(built.run('content', cached)).toEqual(done);
      expect(built.run('computing', cached)).toEqual(done);
      const report = built.readReport();
      expect(findReportProblem(report)).toBeNull();
      const right = { misplacedBytes: 0, absentBytes: 0, unknownBytes: 0, movedPages: 0 };
      expect(report).toMatchObject({ residency: 'page-cache', residencyReason: 'asked', ...right });
    });

    it.each([
      ['replaced before the first tensor', 'replaced', {}],
      ['replaced between two tensors', 'replaced', { BETWEEN: '1' }],
      ['deleted', 'deleted', {}],
      ['cut short', 'truncated', {}],
    ])('places no page of a file that was %s, and says so once', (_what, scenario, env) => {
      expect(built.run(scenario, { ...cached, ...env })).toEqual(
        oneLine('stays where its file is cached: its file was deleted, replaced or cut'),
      );
    });

    it.each([
      ['private memory', {}],
      ['the page cache', cached],
    ])('bears a file that is cut and mended while it is placed: %s', (_what, env) => {
      const { status, stdout } = built.run('shrinking', env);
      expect({ status, stdout }).toEqual({ status: 0, stdout: 'done\n' });
    });

    it('bears page-cache residency in several threads, under signals and fork()', () => {
      expect(built.run('at-once', cached)).toEqual(done);
      expect(built.run('conduct', cached)).toEqual(done);
      const env = { ...cached, ASAN_OPTIONS: 'verify_asan_link_order=0:detect_leaks=0' };
      expect(built.run('forking', { ...env, GGML_NUMA_SHARD_REPORT: '/dev/null/%p' }).status).toBe(0);
    });

    it('chooses the page cache where the pages lie right already, as on one node they do', () => {
      const env = { GGML_NUMA_SHARD_RESIDENCY: '' };
      expect(built.run('computing', env)).toEqual(done);
      expect(built.readReport()).toMatchObject({ residency: 'page-cache', residencyReason: 'in place' });
    });

    it('says that it knows no such residency, and chooses', () => {
      expect(built.run('content', { ...cached, GGML_NUMA_SHARD_RESIDENCY: 'ram' })).toEqual(
        oneLine('GGML_NUMA_SHARD_RESIDENCY="ram" is neither page-cache nor private'),
      );
    });

    it('says nothing where it was told to be quiet, and everything where it was asked to', () => {
      expect(built.run('deleted', { GGML_NUMA_SHARD_LOG: 'quiet' })).toEqual(done);
      const { stderr } = built.run('deleted', { GGML_NUMA_SHARD_LOG: 'info' });
      expect(stderr.match(/^numashard: .* its file was deleted/gm)).toHaveLength(9);
    });

    // A sanitizer cannot work under these limits itself.
    it.skipIf(isSanitized).each(['data', 'as'])(
      'leaves the mapping under a small limit of memory: %s',
      (limit) => {
        expect(built.run('refused', { LIMIT: limit })).toEqual(oneLine('page cache: Cannot allocate memory'));
      },
    );

    it('survives weights in memory that cannot be written, of another machine, and of no size', () => {
      expect(built.run('elsewhere')).toEqual(oneLine('blk.0.attn_q.weight stays where llama.cpp put it'));
      // What is not in this memory is left alone, and listed.
      const { tensors } = built.readReport() as { tensors: { buffer: string }[] };
      const remote = tensors.filter(({ buffer }) => buffer === 'RPC');
      expect(remote).toEqual([
        expect.objectContaining({ inHostMemory: false, address: null, byteLength: 2_000_000, nodes: {} }),
      ]);
    });

    it('gives weights whole pages, in buffers that are large enough for them', () => {
      expect(built.run('aligned')).toEqual(done);
    });

    it('keeps errno, and does not fill in part when signals come', () => {
      expect(built.run('conduct')).toEqual(done);
    });

    // A sanitizer stands between ggml and us where threads are created.
    it.skipIf(isSanitized)(
      'knows the workers of graphs with threads of their own, and those of pools',
      () => {
        expect(built.run('computing')).toEqual(done);
        const report = built.readReport() as Record<string, { index: number }[]>;
        expect(findReportProblem(report)).toBeNull();
        expect(report).toMatchObject({ ggmlVersion: 'fake', placedWorkers: 4, threads: { seen: [6] } });
        expect(report['workers']?.map(({ index }) => index).sort()).toEqual([0, 1, 2, 3, 4, 5]);
        expect(report['tensors']).toHaveLength(9);
      },
    );

    it('bears models that are loaded, computed with and freed in several threads at once', () => {
      expect(built.run('at-once')).toEqual(done);
    });

    it('bears fork() while another thread loads', () => {
      // Children end without their parent's threads, whose memory the leak checker then takes for lost.
      const env = {
        ASAN_OPTIONS: 'verify_asan_link_order=0:detect_leaks=0',
        GGML_NUMA_SHARD_REPORT: '/dev/null/%p',
      };
      expect(built.run('forking', env)).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/done\n$/),
      });
    });

    // As above: threads.
    it.skipIf(isSanitized)('keeps the report of a process whose children compute, exec and end', () => {
      const runtime = mkdtempSync(join(tmpdir(), 'numashard-runtime-'));
      try {
        const env = { GGML_NUMA_SHARD_REPORT: '', XDG_RUNTIME_DIR: runtime };
        expect(built.run('parenting', env)).toEqual(done);
        const left = readdirSync(runtime, { recursive: true, withFileTypes: true });
        expect(left.filter((entry) => entry.isFile())).toEqual([]);
      } finally {
        rmSync(runtime, { recursive: true });
      }
    });

    it('lets the model run as before under a map that it cannot read, and names the column', () => {
      const env = { GGML_NUMA_SHARD_MAP: 'attn:0,*:rowz', EXPECT_FILE: '1' };
      expect(built.run('content', env)).toEqual(
        oneLine("column 10, rule '\\*:rowz'.*runs as without numashard"),
      );
    });

    it('changes nothing where it only observes', () => {
      expect(built.run('content', { GGML_NUMA_SHARD_MAP: 'observe', EXPECT_FILE: '1' })).toEqual(done);
    });

    it.each(['0:1,', '0', '0:0', '-1:1', '0:1;0:1', '0:1,0:1', '4294967296:1', '0:99999'])(
      'takes equal shares for %j',
      (text) => {
        const outcome = built.run('aligned', { GGML_NUMA_SHARD_THREADS: text });
        expect(outcome).toEqual(oneLine('GGML_NUMA_SHARD_THREADS'));
      },
    );

    it('reports what the map may not have meant, of the weights that it saw', () => {
      const env = { GGML_NUMA_SHARD_MAP: 'name=no"thing\\:0,*:rows,*:rows' };
      expect(built.run('computing', env)).toEqual(done);
      const report = built.readReport();
      expect(findReportProblem(report)).toBeNull();
      expect(report).toMatchObject({
        warnings: [
          {
            code: 'rule-matches-nothing',
            message: expect.stringContaining("column 1, rule 'name=no\"thing\\:0'"),
          },
          { code: 'rule-never-wins', message: expect.stringContaining('column 25') },
          { code: 'rule-overlap', message: expect.stringContaining('the rule at column 18') },
        ],
      });
    });

    it('says once that the report cannot be written, and goes on', () => {
      const env = { GGML_NUMA_SHARD_REPORT: '/nowhere/report.json' };
      expect(built.run('computing', env)).toEqual(
        oneLine('/nowhere/report.json cannot be written: No such file'),
      );
    });

    it.skipIf(isSanitized)(
      'leaves programs without ggml alone, even with a map that it could not read',
      () => {
        for (const [program, ...args] of programs) {
          const env = { LD_PRELOAD: built.library, GGML_NUMA_SHARD_MAP: '*:rowz', PATH: process.env['PATH'] };
          const { status, stdout, stderr } = spawnSync(program ?? '', args, { env, encoding: 'utf8' });
          expect({ status, stdout, stderr }, program).toEqual({ status: 0, stdout: 'as ever\n', stderr: '' });
        }
      },
    );
  });
});

const programs = [
  ['echo', 'as ever'],
  ['sh', '-c', 'x=$(ls / | wc -l); test "$x" -gt 1 && echo as ever'],
  [process.execPath, '-e', 'Buffer.alloc(1 << 26); console.log("as ever")'],
];
