// SPDX-License-Identifier: MIT
// The report that libnumashard.so writes (native/preload/report.c): read, checked, typed.
import { readFile } from 'node:fs/promises';
import { NumashardError } from '../errors.js';
import type { CutKind } from '../shardmap/types.js';

export interface ReportedTensor {
  readonly model: number;
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
  readonly map: string;
  readonly ggmlVersion: string | null;
  readonly models: readonly { readonly id: number; readonly files: readonly string[] }[];
  readonly residency: string;
  readonly shares: readonly { readonly node: number; readonly weight: number }[];
  /** Workers for which the rows were cut; 0 where that was assumed from the shares. */
  readonly placedWorkers: number;
  readonly workers: readonly ReportedWorker[];
  readonly threads: ReportedThreads;
  readonly tensors: readonly ReportedTensor[];
  readonly other: readonly ReportedTensor[];
  readonly placedBytes: number;
  readonly misplacedBytes: number;
  readonly movedPages: number;
  readonly seconds: number;
  readonly graphs: number;
  readonly warnings: readonly ReportWarning[];
}

/** Throws `report-unreadable`. */
export async function readReport(path: string): Promise<PreloadReport> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new NumashardError('report-unreadable', `no report of a running llama.cpp at ${path}`, {
      hint: 'start it with numashard run, or with GGML_NUMA_SHARD_MAP set and libnumashard.so preloaded',
      cause,
    });
  });
  return parseReport(text, path);
}

export function parseReport(text: string, path: string): PreloadReport {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, 'not JSON', cause);
  }
  if (typeof value !== 'object' || value === null) throw unreadable(path, 'not an object');
  const report = value as Record<string, unknown>;
  if (report['schema'] !== 'numashard/report/1') {
    throw unreadable(path, `schema is ${JSON.stringify(report['schema'])}, wanted "numashard/report/1"`);
  }
  for (const key of ['models', 'shares', 'workers', 'tensors', 'other', 'warnings']) {
    if (!Array.isArray(report[key])) throw unreadable(path, `${key} is not a list`);
  }
  for (const key of ['pid', 'placedWorkers', 'placedBytes', 'graphs']) {
    if (!Number.isSafeInteger(report[key])) throw unreadable(path, `${key} is not a whole number`);
  }
  for (const tensor of report['tensors'] as Record<string, unknown>[]) checkTensor(tensor, path);
  return value as PreloadReport;
}

function checkTensor(tensor: Record<string, unknown>, path: string): void {
  const { name, byteLength, address, shape } = tensor;
  const isShape = Array.isArray(shape) && shape.length === 4 && shape.every((length) => length > 0);
  if (typeof name === 'string' && Number.isSafeInteger(byteLength) && isShape) {
    if (address === null || Number.isSafeInteger(address)) return;
  }
  throw unreadable(path, `tensor ${JSON.stringify(name)} lacks name, byteLength, address or shape`);
}

function unreadable(path: string, what: string, cause?: unknown): NumashardError {
  return new NumashardError('report-unreadable', `report ${path}: ${what}`, { cause });
}
