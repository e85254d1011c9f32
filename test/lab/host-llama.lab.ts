// SPDX-License-Identifier: MIT
// What `npm run bench:run` measures: Debian's llama-bench on this host, its load timed from inside. No figure is
// judged here, only that there is one.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { demoModelFile } from '../../src/lab/demo-model-file.js';
import { prepareHostLlama } from '../../src/lab/host-llama.js';
import { loadMachine } from '../../src/lab/machine.js';
import { setting } from './setting.js';

test('the timer tells how long one model takes to load', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'numashard-test-'));
  try {
    const timer = join(folder, 'time-load.so');
    const source = fileURLToPath(new URL('../../lab/host/time-load.c', import.meta.url));
    execFileSync('cc', [
      '-D_GNU_SOURCE',
      '-Wall',
      '-Werror',
      '-fPIC',
      '-shared',
      '-o',
      timer,
      source,
      '-ldl',
    ]);
    const model = await demoModelFile('demo', setting.cacheDirectory);
    const { command, environment } = await prepareHostLlama(loadMachine('x86-4n'), setting.cacheDirectory, [
      'avx2',
    ]);
    const [loader = '', ...words] = command;
    const args = [
      '--preload',
      timer,
      ...words,
      '-m',
      model,
      '-t',
      '1',
      '-p',
      '0',
      '-n',
      '1',
      '-r',
      '1',
      '-o',
      'jsonl',
    ];
    const env = { ...process.env, ...environment };
    const { status, stdout, output } = spawnSync(loader, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      encoding: 'utf8',
    });
    expect(status).toBe(0);
    expect(Number(output[3])).toBeGreaterThan(0);
    expect(Number(/"avg_ts": ([\d.]+)/.exec(stdout)?.[1])).toBeGreaterThan(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
