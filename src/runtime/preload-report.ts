// SPDX-License-Identifier: MIT
// The report that libnumashard.so writes (native/preload/report.c): read, checked, typed.
import { readFile, stat } from 'node:fs/promises';
import { NumashardError } from '../errors.js';
import type { CutKind } from '../shardmap/types.js';
import { findReportProblem } from './report-problem.js';

export interface ReportedTensor {
  /** Id in `models`; null for KV and compute buffers, whose model ggml does not tell. */
  readonly model: number | null;
  readonly name: string;
  readonly buffer: string;
  readonly cut: CutKind;
  readonly group: number;
  readonly inHostMemory: boolean;
  readonly address: number | null;
  readonly byteLength: number;
  /** ne0 … ne3; absent for KV and compute buffers. */
  readonly shape?: readonly number[];
  readonly residency: 'page-cache' | 'private';
  readonly fileOffset: number | null;
  readonly nodes: Readonly<Record<string, number>>;
}

export interface ReportedWorker {
  readonly index: number;
  /** Workers in the last graph in which it was one. */
  readonly threads: number;
  readonly tid: number;
  /** Where it was pinned; null where it was not. */
  readonly node: number | null;
  /** CPUs on which it was seen at the start of a graph. */
  readonly cpus: readonly number[];
}

export type ReportedThreads =
  | { readonly asked: number | null; readonly seen: readonly number[] }
  | 'assumed'
  | 'not reached';

export interface ReportWarning {
  readonly code: string;
  readonly message: string;
}

export interface PreloadReport {
  readonly schema: 'numashard/report/1';
  readonly pid: number;
  /** When that process began, in clock ticks since boot; 0: not told. */
  readonly startTicks: number;
  readonly map: string;
  readonly ggmlVersion: string | null;
  readonly models: readonly { readonly id: number; readonly files: readonly string[] }[];
  readonly residency: string;
  /** Why: asked, in place, no room, default; null where no weight is mapped. */
  readonly residencyReason?: string | null;
  readonly shares: readonly { readonly node: number; readonly weight: number }[];
  /** Workers for which the rows were cut; 0 where that was assumed from the shares. */
  readonly placedWorkers: number;
  readonly workers: readonly ReportedWorker[];
  readonly threads: ReportedThreads;
  readonly tensors: readonly ReportedTensor[];
  readonly other: readonly ReportedTensor[];
  readonly placedBytes: number;
  readonly misplacedBytes: number;
  /** Not in memory; in memory, but the kernel does not say where. */
  readonly absentBytes: number;
  readonly unknownBytes: number;
  readonly movedPages: number;
  readonly seconds: number;
  readonly graphs: number;
  readonly warnings: readonly ReportWarning[];
}

/** A quarter of a million tensors; a model with its experts in separate tensors has sixty thousand. */
const maxReportByteLength = 256 * 2 ** 20;

/** Throws `report-unreadable`. */
export async function readReport(path: string): Promise<PreloadReport> {
  const status = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new NumashardError(
      'report-unreadable',
      `no report of a running llama.cpp at ${path} (${cause.code})`,
      {
        hint: 'start it with numashard run, or with GGML_NUMA_SHARD_MAP set and libnumashard.so preloaded',
        cause,
      },
    );
  });
  if (!status.isFile()) throw unreadable(path, 'not a regular file');
  if (status.size > maxReportByteLength) {
    throw unreadable(path, `${status.size} bytes, the limit is ${maxReportByteLength}`);
  }
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw unreadable(path, cause.code ?? cause.message, cause);
  });
  return parseReport(text, path);
}

export function parseReport(text: string, path: string): PreloadReport {
  let report: unknown;
  try {
    report = JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, 'not JSON', cause);
  }
  const problem = findReportProblem(report);
  if (problem !== null) throw unreadable(path, problem);
  return report as PreloadReport;
}

function unreadable(path: string, what: string, cause?: unknown): NumashardError {
  return new NumashardError('report-unreadable', `report ${path}: ${what}`, {
    hint: 'it must be one that libnumashard.so of this version wrote',
    cause,
  });
}
