// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeSightings, findRunFaults, writeRunReport } from '../../src/cli/run-outcome.js';
import type { Verification } from '../../src/verify/types.js';
import type { Sighting } from '../../src/verify/witness.js';
import { craftReport } from '../verify/crafted.js';

const good = { exitCode: 0, signal: null };

function sighting(pid: number, misplacedBytes: number): Sighting {
  const report = craftReport({ pid, map: '*:node0', placedBytes: 1000 });
  const verification: Verification = {
    ...report,
    method: 'move_pages',
    placedBytes: 1000,
    misplacedBytes,
    workers: [],
    tensors: [],
    other: [],
    localShareBound: 1,
    rows: { byteLength: 0, localBytes: 0 },
    worstRows: null,
    balance: 1,
  };
  return { pid, report, verification, failure: null };
}

it('every process is judged, and a fault names the one that has it', () => {
  const sightings = [sighting(11, 500), sighting(12, 0), sighting(13, 900)];
  expect(findRunFaults({ sightings, missed: [] }, good, true)).toEqual([
    'process 11: 50.00 % of the bytes lie where the map says, 99.50 % were wanted',
    'process 13: 10.00 % of the bytes lie where the map says, 99.50 % were wanted',
  ]);
  const gone: Sighting = { pid: 14, report: null, verification: null, failure: new Error('no report') };
  expect(findRunFaults({ sightings: [gone], missed: [15] }, good, true)).toEqual([
    'process 14: no report',
    'process 15: it held weights, and ended before it could be looked at',
  ]);
});

it('a run that failed by itself, or that nobody asked to be verified, has no faults but that no hook fired', () => {
  const watched = { sightings: [sighting(11, 500)], missed: [12] };
  expect(findRunFaults(watched, { exitCode: 3, signal: null }, true)).toEqual([]);
  expect(findRunFaults(watched, good, false)).toEqual([]);
  expect(findRunFaults({ sightings: [], missed: [] }, good, false)).toEqual([
    expect.stringMatching(/^no hook fired/),
  ]);
});

it('several processes are told one after the other', () => {
  const lines = describeSightings({ sightings: [sighting(11, 0), sighting(12, 0)], faults: [] }, true);
  expect(lines.filter((line) => line.startsWith('numashard: process'))).toEqual([
    'numashard: process 11, no file mapped',
    'numashard: process 12, no file mapped',
  ]);
});

it('a newer ggml than was tested gets one line', () => {
  const newer = {
    ...sighting(11, 0),
    verification: null,
    report: craftReport({ map: 'observe', ggmlVersion: '0.100.1' }),
  };
  const lines = describeSightings({ sightings: [newer], faults: [] }, false);
  expect(lines.filter((line) => line.includes('ggml-newer'))).toEqual([
    expect.stringMatching(/^numashard: ggml 0\.100\.1 is newer than \d+\.\d+\.\d+, the last that was tested/),
  ]);
  for (const ggmlVersion of ['0.27.0', '0.21.9', '0.9.100', null, 'unknown']) {
    const older = { ...newer, report: craftReport({ map: 'observe', ggmlVersion }) };
    expect(describeSightings({ sightings: [older], faults: [] }, false).join()).not.toContain('ggml-newer');
  }
});

it('the report has every process in short, and in full the first that is not right', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'numashard-outcome-'));
  const path = join(directory, 'run.json');
  const sightings = [sighting(11, 0), sighting(12, 500), sighting(13, 0)];
  const prepared = { argv: ['x'], environment: {} };
  const read = () => JSON.parse(readFileSync(path, 'utf8'));
  await writeRunReport(path, { prepared, ended: good, faults: [], sightings, missed: [] });
  expect(read()).toMatchObject({
    pid: 12,
    misplacedBytes: 500,
    verified: true,
    processes: [
      { pid: 11, verified: true, faults: [] },
      { pid: 12, misplacedBytes: 500, faults: [expect.stringContaining('process 12')] },
      { pid: 13, placedBytes: 1000 },
    ],
  });
  await writeRunReport(path, { prepared, ended: good, faults: [], sightings, missed: [14] });
  expect(read().verified).toBe(false);
  rmSync(directory, { recursive: true });
});
