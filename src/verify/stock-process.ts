// SPDX-License-Identifier: MIT
// A llama.cpp that runs without our library, as far as it can be known from outside: which model it has mapped where,
// and, where it runs under --numa distribute, which thread is which worker. Put into the form of a report, so that it
// is judged as any other. What it copied out of the file (repacked weights) cannot be seen.
import type { Model } from '../model/types.js';
import type { LlamaCommand } from '../runtime/command-types.js';
import type { FileMapping } from '../runtime/file-mappings.js';
import type {
  PreloadReport,
  ReportedTensor,
  ReportedWorker,
  ReportWarning,
} from '../runtime/preload-report.js';
import type { ThreadMask } from '../runtime/thread-masks.js';
import type { Topology } from '../topology/types.js';

export interface StockProcess {
  readonly pid: number;
  readonly models: readonly Model[];
  readonly mappings: readonly FileMapping[];
  readonly masks: readonly ThreadMask[];
  /** Its own command line. */
  readonly command: LlamaCommand;
  readonly topology: Topology;
}

export function describeStockProcess(process: StockProcess): PreloadReport {
  const { pid, models } = process;
  const workers = findWorkers(process);
  const found = models.map((model, id) => mappedTensors(model, id, process.mappings));
  const unmapped = found.reduce((sum, { unmappedCount }) => sum + unmappedCount, 0);
  return {
    schema: 'numashard/report/1',
    pid,
    startTicks: 0,
    map: workers === null ? 'observe' : `*:cyclic(${workers.length})`,
    ggmlVersion: null,
    models: models.map(({ files }, id) => ({ id, files: files.map(({ path }) => path) })),
    residency: 'page-cache',
    shares: [],
    placedWorkers: workers?.length ?? 0,
    workers: workers ?? [],
    threads: workers === null ? 'assumed' : { asked: null, seen: [workers.length] },
    tensors: found.flatMap(({ tensors }) => tensors),
    other: [],
    placedBytes: 0,
    misplacedBytes: 0,
    absentBytes: 0,
    unknownBytes: 0,
    movedPages: 0,
    seconds: 0,
    graphs: 0,
    warnings: findWarnings(process, workers, unmapped),
  };
}

function mappedTensors(
  { tensors }: Model,
  model: number,
  mappings: readonly FileMapping[],
): { tensors: ReportedTensor[]; unmappedCount: number } {
  const mapped = tensors.flatMap((tensor): ReportedTensor[] => {
    const { name, shape, byteLength, file, fileOffset } = tensor;
    const mapping = mappings.find(
      ({ path, start, end, fileOffset: from }) =>
        path === file && from <= fileOffset && fileOffset + byteLength <= from + (end - start),
    );
    if (mapping === undefined) return [];
    const address = mapping.start + fileOffset - mapping.fileOffset;
    const place = {
      buffer: 'mapped',
      cut: 'rows',
      group: 1,
      inHostMemory: true,
      residency: 'page-cache',
    } as const;
    return [{ ...place, model, name, address, byteLength, shape, fileOffset, nodes: {} }];
  });
  return { tensors: mapped, unmappedCount: tensors.length - mapped.length };
}

/** Mappings of one file that follow each other in memory and in the file, as one: mlock and munmap cut them up. */
export function joinMappings(mappings: readonly FileMapping[]): FileMapping[] {
  const joined: FileMapping[] = [];
  for (const mapping of mappings) {
    const last = joined.at(-1);
    const follows =
      last?.path === mapping.path &&
      last.end === mapping.start &&
      last.fileOffset + (last.end - last.start) === mapping.fileOffset;
    if (last && follows) joined[joined.length - 1] = { ...last, end: mapping.end };
    else joined.push(mapping);
  }
  return joined;
}

/**
 * Under --numa distribute ggml pins worker i to the CPUs of one node, i modulo their number; it starts its workers in
 * order, and the thread that calls it, the first of llama.cpp's programs, is worker 0. null: these are not to be found.
 */
function findWorkers({ pid, masks, command, topology }: StockProcess): ReportedWorker[] | null {
  if (command.numa?.value !== 'distribute') return null;
  const homes = topology.nodes.filter(({ cpus }) => cpus.length > 0);
  const homeOf = ({ cpus }: ThreadMask): number | null =>
    homes.find((node) => cpus.length === node.cpus.length && node.cpus.every((cpu) => cpus.includes(cpu)))
      ?.id ?? null;
  const pinned = masks.filter((mask) => mask.tid !== pid && homeOf(mask) !== null);
  const count = command.threads?.value ?? pinned.length + 1;
  const others = pinned.slice(0, count - 1);
  const isDistributed = others.every((mask, index) => homeOf(mask) === homes[(index + 1) % homes.length]?.id);
  const first = homes[0];
  // On one node ggml_is_numa() is false, and distribute does nothing.
  if (first === undefined || homes.length < 2) return null;
  if (others.length < Math.max(1, count - 1) || !isDistributed) return null;
  const threads = others.length + 1;
  return [
    { index: 0, threads, tid: pid, node: first.id, cpus: [] },
    ...others.map((mask, index) => ({
      index: index + 1,
      threads,
      tid: mask.tid,
      node: homeOf(mask),
      cpus: [],
    })),
  ];
}

function findWarnings(
  { command }: StockProcess,
  workers: readonly ReportedWorker[] | null,
  unmapped: number,
): ReportWarning[] {
  const warnings: ReportWarning[] = [];
  const warn = (code: string, message: string): void => void warnings.push({ code, message });
  if (unmapped > 0)
    warn('not-mapped', `${unmapped} tensors are not mapped, but copied or on another device: not seen`);
  if (command.repack?.value !== false) {
    warn(
      'repack-unseen',
      'weights that llama.cpp repacks are copied out of the file and not seen (not with --no-repack)',
    );
  }
  if (workers === null) {
    const reason =
      command.numa?.value === 'distribute' ? 'not all pinned (yet)' : 'not under --numa distribute';
    warn('workers-unknown', `${reason}: which thread reads which rows cannot be told from outside`);
  }
  return warnings;
}
