// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readStat } from '../../src/runtime/process-stat.js';
import { readReportOf } from '../../src/runtime/report-of-process.js';
import { craftReport, nobody } from '../verify/crafted.js';

let directory: string;
let path: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'numashard-report-of-'));
  path = join(directory, 'report.json');
});
afterAll(() => rmSync(directory, { recursive: true }));

const { pid } = process;

it('of another process, or of an earlier one of that number, is refused', async () => {
  const stat = await readStat(`/proc/${pid}/stat`);
  expect(stat).toMatchObject({ id: pid, startTicks: expect.any(Number) });
  const startTicks = stat?.startTicks ?? 0;
  const write = (fields: Parameters<typeof craftReport>[0]) =>
    writeFileSync(path, JSON.stringify(craftReport(fields)));

  write({ pid, startTicks });
  expect(await readReportOf(pid, path)).toMatchObject({ pid });
  write({ pid, startTicks: startTicks - 1 });
  await expect(readReportOf(pid, path)).rejects.toMatchObject({
    code: 'report-unreadable',
    message: `report ${path} is of an earlier process ${pid}, which has ended`,
  });
  write({ pid: nobody, startTicks });
  await expect(readReportOf(pid, path)).rejects.toMatchObject({
    code: 'report-unreadable',
    hint: expect.stringContaining('%p'),
  });
  // Where nobody told, nothing is held against it.
  write({ pid, startTicks: 0 });
  expect(await readReportOf(pid, path)).toMatchObject({ pid });
});
