// SPDX-License-Identifier: MIT
// Debian's llama.cpp on this very machine, with its own C library: what the demonstration uses on a machine of several
// nodes that has none. A machine of one node obeys a map that it is given.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { prepareDebianLlama } from '../../src/lab/debian-llama.js';
import { demoModelFile } from '../../src/lab/demo-model-file.js';
import { numashard } from '../cli/numashard.js';
import { oneToken } from './main-job/guest.js';
import { setting } from './setting.js';

const scratch = mkdtempSync(join(tmpdir(), 'numashard-here-'));
afterAll(() => rmSync(scratch, { recursive: true }));

it('is fetched, runs with the best backend for this processor, and is placed and verified', async () => {
  const { binDirectory, version } = await prepareDebianLlama(setting.cacheDirectory);
  expect(version).toMatch(/^(\d+:)?\d/);
  const report = join(scratch, 'report.json');
  const bench = ['-m', await demoModelFile('text', setting.cacheDirectory), '-t', '2', ...oneToken];
  const { exitCode, stdout, stderr } = numashard(
    ['run', '--map', '*:rows', '--verify', '--report', report, '--', 'llama-bench', ...bench],
    { PATH: `${binDirectory}:${process.env['PATH']}`, XDG_RUNTIME_DIR: scratch },
  );
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toContain('"Debian"');
  // Not the plain one for every processor, where there is a better one.
  const avx2 = process.arch === 'x64' && readFileSync('/proc/cpuinfo', 'utf8').includes(' avx2 ');
  if (avx2) expect(stderr).toMatch(/loaded CPU backend from .*libggml-cpu-(?!x64|sse42)/);
  expect(JSON.parse(readFileSync(report, 'utf8'))).toMatchObject({
    verified: true,
    faults: [],
    misplacedBytes: 0,
    unknownBytes: 0,
    threads: { seen: [2] },
  });
});
