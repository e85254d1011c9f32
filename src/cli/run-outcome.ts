// SPDX-License-Identifier: MIT
// How a run came out: what was seen at the gate judged, told, and written as run's report.
import { writeFile } from 'node:fs/promises';
import { formatBytes } from '../report/text-table.js';
import { renderVerification } from '../report/verify-table.js';
import type { Ended } from '../runtime/launch.js';
import type { PreloadReport } from '../runtime/preload-report.js';
import type { PreparedRun } from '../runtime/prepare-run.js';
import { isObserve } from '../shardmap/parse.js';
import { formatShare, rightBytes } from '../verify/totals.js';
import { findFaults } from '../verify/verdict.js';
import type { Sighting } from '../verify/witness.js';

export interface RunOutcome {
  readonly prepared: Pick<PreparedRun, 'argv' | 'environment'>;
  readonly ended: Ended;
  readonly faults: readonly string[];
  readonly sightings: readonly Sighting[];
}

/** What is wrong; a process that failed by itself is not judged. One bad sighting is enough. */
export function findRunFaults(
  sightings: readonly Sighting[],
  { exitCode }: Ended,
  isVerified: boolean,
): string[] {
  if (exitCode !== 0) return [];
  if (sightings.length === 0) {
    return [
      'no hook fired: the program computed nothing with a shared libggml, or the preload did not reach it',
    ];
  }
  if (!isVerified) return [];
  return [...new Set(sightings.flatMap(faultsOf))];
}

function faultsOf({ failure, verification }: Sighting): string[] {
  if (failure !== null) return [failure instanceof Error ? failure.message : String(failure)];
  return verification ? findFaults(verification) : [];
}

/** Lines for standard error, for each model that was seen; where a fault says already why none was, nothing. */
export function describeSightings(
  { sightings, faults }: Pick<RunOutcome, 'sightings' | 'faults'>,
  isVerified: boolean,
): string[] {
  if (sightings.length === 0 && isVerified && faults.length === 0) {
    return ['numashard: not verified: the process ended before it could be looked at'];
  }
  return sightings.flatMap(({ report, verification, failure }) => {
    if (verification) return ['', renderVerification(verification, 'roles')];
    return report && failure === null ? describeReport(report) : [];
  });
}

function describeReport(report: PreloadReport): string[] {
  const { placedBytes, map, warnings } = report;
  const share = formatShare(rightBytes(report), placedBytes);
  const where = isObserve(map) ? 'observed, nothing changed' : `${share} placed as ${map} says`;
  return [
    `${formatBytes(placedBytes)} of weights: ${where}; --verify asks the kernel once more`,
    ...warnings.map(({ code, message }) => `${message} (${code})`),
  ].map((line) => `numashard: ${line}`);
}

/** Of several models the last: the document has room for one. */
export async function writeRunReport(path: string, outcome: RunOutcome): Promise<void> {
  const { prepared, ended, faults, sightings } = outcome;
  const { report = null, verification = null } = sightings.at(-1) ?? {};
  const document = {
    ...report,
    ...verification,
    schema: 'numashard/run/1',
    command: prepared.argv,
    environment: prepared.environment,
    ended,
    faults,
    verified: verification !== null,
  };
  await writeFile(path, `${JSON.stringify(document)}\n`, { mode: 0o600 });
}
