// SPDX-License-Identifier: MIT
// Only reports of processes that are gone, and only what this run can have left.
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { removeStaleReports } from '../../src/runtime/stale-reports.js';

/** Above the kernel's limit (PID_MAX_LIMIT, 2^22): no process has it. */
const gone = 4_194_305;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'numashard-stale-'));
});

afterEach(() => rmSync(directory, { recursive: true }));

it('removes what killed processes left, half-written reports too', async () => {
  const started = new Date(Date.now() - 1000);
  for (const name of [
    `${gone}.json`,
    `${gone}.json.${gone}.tmp`,
    `${process.pid}.json`,
    'notes.json',
    '1x.json',
  ])
    writeFileSync(join(directory, name), '');
  expect(await removeStaleReports(directory, started)).toEqual([gone]);
  expect(readdirSync(directory).sort()).toEqual(['1x.json', `${process.pid}.json`, 'notes.json'].sort());
});

it('leaves reports from before the run', async () => {
  const path = join(directory, `${gone}.json`);
  writeFileSync(path, '');
  utimesSync(path, 1000, 1000);
  await removeStaleReports(directory, new Date());
  expect(readdirSync(directory)).toEqual([`${gone}.json`]);
});

it('does without the folder', async () => {
  await expect(removeStaleReports(join(directory, 'none'), new Date())).resolves.toEqual([]);
});
