// SPDX-License-Identifier: MIT
// The report of one process and of no other: not one that another wrote over, nor one that was left by a process which
// had the same number before.
import { NumashardError } from '../errors.js';
import { type PreloadReport, readReport } from './preload-report.js';
import { readStat } from './process-stat.js';

/** Throws `report-unreadable`. */
export async function readReportOf(pid: number, path: string): Promise<PreloadReport> {
  const report = await readReport(path);
  if (report.pid !== pid) {
    throw new NumashardError(
      'report-unreadable',
      `report ${path} is of process ${report.pid}, not of ${pid}`,
      {
        hint: 'name the report of that process; where several write, put %p into GGML_NUMA_SHARD_REPORT',
      },
    );
  }
  const stat = await readStat(`/proc/${pid}/stat`);
  if (stat !== null && report.startTicks !== 0 && stat.startTicks !== report.startTicks) {
    const message = `report ${path} is of an earlier process ${pid}, which has ended`;
    throw new NumashardError('report-unreadable', message, {
      hint: 'delete it; the process that has this number now wrote none',
    });
  }
  return report;
}
