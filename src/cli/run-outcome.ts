// SPDX-License-Identifier: MIT
// How a run came out: what was seen at the gate judged, process by process, told, and written as run's report.
import { writeFile } from 'node:fs/promises';
import { formatBytes } from '../report/text-table.js';
import { renderVerification } from '../report/verify-table.js';
import type { Ended } from '../runtime/launch.js';
import type { PreloadReport } from '../runtime/preload-report.js';
import type { PreparedRun } from '../runtime/prepare-run.js';
import { newerThanTested } from '../runtime/tested-with.js';
import { isObserve } from '../shardmap/parse.js';
import { formatShare, rightBytes } from '../verify/totals.js';
import { findFaults } from '../verify/verdict.js';
import type { Sighting } from '../verify/witness.js';

/** What was watched. */
export interface Watched {
  readonly sightings: readonly Sighting[];
  /** Processes that announced weights and ended before they came to the gate. */
  readonly missed: readonly number[];
}

export interface RunOutcome extends Watched {
  readonly prepared: Pick<PreparedRun, 'argv' | 'environment'>;
  readonly ended: Ended;
  readonly faults: readonly string[];
}

/** What is wrong; a process that failed by itself is not judged. One bad sighting is enough. */
export function findRunFaults(
  { sightings, missed }: Watched,
  { exitCode }: Ended,
  isVerified: boolean,
): string[] {
  if (exitCode !== 0) return [];
  if (sightings.length === 0 && missed.length === 0) {
    return [
      'no hook fired: the program computed nothing with a shared libggml, or the preload did not reach it',
    ];
  }
  if (!isVerified) return [];
  const unseen = missed.map(
    (pid) => `process ${pid}: it held weights, and ended before it could be looked at`,
  );
  return [...new Set([...sightings.flatMap(faultsOf), ...unseen])];
}

function faultsOf({ pid, failure, verification }: Sighting): string[] {
  const faults =
    failure === null ? (verification ? findFaults(verification) : []) : [describeFailure(failure)];
  return faults.map((fault) => `process ${pid}: ${fault}`);
}

function describeFailure(failure: unknown): string {
  return failure instanceof Error ? failure.message : String(failure);
}

/** Lines for standard error, for each model that was seen; where a fault says already why none was, nothing. */
export function describeSightings(
  { sightings, faults }: Pick<RunOutcome, 'sightings' | 'faults'>,
  isVerified: boolean,
): string[] {
  if (sightings.length === 0 && isVerified && faults.length === 0) {
    return ['numashard: not verified: the process ended before it could be looked at'];
  }
  return sightings.flatMap(({ pid, report, verification, failure }) => {
    const files = report?.models.flatMap((model) => model.files).join(', ') || 'no file mapped';
    const title = sightings.length > 1 ? [`numashard: process ${pid}, ${files}`] : [];
    if (verification) return ['', ...title, renderVerification(verification, 'roles')];
    return report && failure === null ? [...title, ...describeReport(report)] : [];
  });
}

function describeReport(report: PreloadReport): string[] {
  const { placedBytes, map, ggmlVersion } = report;
  const warnings = [...report.warnings, ...newerThanTested(ggmlVersion)];
  const share = formatShare(rightBytes(report), placedBytes);
  const where = isObserve(map)
    ? 'observed, nothing changed'
    : `${share} placed as ${map} says${describeResidency(report)}`;
  return [
    `${formatBytes(placedBytes)} of weights: ${where}; --verify asks the kernel once more`,
    ...warnings.map(({ code, message }) => `${message} (${code})`),
  ].map((line) => `numashard: ${line}`);
}

/** Of mapped weights; where none is mapped there is nothing to choose. */
function describeResidency({ residency, residencyReason: reason = null }: PreloadReport): string {
  if (reason === null) return '';
  return `, in ${residency === 'private' ? 'private memory' : 'the page cache'} (${reason})`;
}

/** In full the first that is not as it should be, else the last; in short every one. */
export async function writeRunReport(path: string, outcome: RunOutcome): Promise<void> {
  const { prepared, ended, faults, sightings, missed } = outcome;
  const shown = sightings.find((sighting) => faultsOf(sighting).length > 0) ?? sightings.at(-1);
  const document = {
    ...shown?.report,
    ...shown?.verification,
    schema: 'numashard/run/1',
    command: prepared.argv,
    environment: prepared.environment,
    ended,
    faults,
    verified:
      sightings.length > 0 &&
      missed.length === 0 &&
      sightings.every(({ verification }) => verification !== null),
    processes: sightings.map(summarize),
  };
  await writeFile(path, `${JSON.stringify(document)}\n`, { mode: 0o600 });
}

function summarize(sighting: Sighting) {
  const { pid, report, verification, failure } = sighting;
  const found = verification ?? report;
  return {
    pid,
    models: found?.models ?? [],
    threads: found?.threads ?? null,
    placedBytes: found?.placedBytes ?? 0,
    misplacedBytes: found?.misplacedBytes ?? 0,
    absentBytes: found?.absentBytes ?? 0,
    unknownBytes: found?.unknownBytes ?? 0,
    rows: verification?.rows ?? null,
    verified: verification !== null,
    faults: verification || failure !== null ? faultsOf(sighting) : [],
  };
}
