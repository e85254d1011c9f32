// SPDX-License-Identifier: MIT
// Where workers really ran: from samples of their threads, else from the CPU that the kernel names last.
import type { PreloadReport, ReportedWorker, ReportWarning } from '../runtime/preload-report.js';
import type { Topology } from '../topology/types.js';
import type { ThreadSamples } from './threads.js';
import type { VerifiedWorker } from './types.js';

export interface WorkerSources {
  readonly report: PreloadReport;
  readonly topology: Topology;
  readonly samples: ThreadSamples;
  /** Thread id → the CPU it last ran on. */
  readonly lastCpus: ReadonlyMap<number, number>;
  /** Thread id → the CPUs to which it is pinned now; none of a thread: not asked. */
  readonly masks?: ReadonlyMap<number, readonly number[]>;
}

export type LocatedWorker = Omit<VerifiedWorker, 'rows'>;

/** By index. */
export function locateWorkers(sources: WorkerSources): LocatedWorker[] {
  const tids = new Set(sources.report.workers.map(({ tid }) => tid));
  return sources.report.workers
    .map((worker) => locate(worker, tids, sources))
    .sort((left, right) => left.index - right.index);
}

/**
 * Node of worker i of n. Prompts may be computed by another number of workers (-tb): n is the number for which rows
 * were cut if all of these are where they then were, else the first number of which that is so.
 */
export function homesOf(
  { threads, placedWorkers, workers: reported }: PreloadReport,
  workers: readonly Pick<LocatedWorker, 'index' | 'node'>[],
): (number | null)[] {
  const seen = typeof threads === 'object' ? threads.seen : [];
  const counts = seen.includes(placedWorkers) ? [placedWorkers, ...seen] : seen;
  const isCurrent = (count: number): boolean =>
    reported.every((worker) => worker.index >= count || worker.threads === count);
  const count = counts.find(isCurrent) ?? counts[0] ?? 0;
  const nodes = new Map(workers.map(({ index, node }) => [index, node]));
  return Array.from({ length: count }, (_, index) => nodes.get(index) ?? null);
}

/** Workers that read rows and that no snapshot caught: of them we know only what they said, or where they were last. */
export function unseenWarnings(
  workers: readonly Pick<LocatedWorker, 'index' | 'seen'>[],
  count: number,
): ReportWarning[] {
  const unseen = workers.filter(({ index, seen }) => seen === 0 && index < count).map(({ index }) => index);
  if (unseen.length === 0) return [];
  const names = `worker${unseen.length === 1 ? '' : 's'} ${unseen.join(', ')}`;
  const message = `${names} never caught at work: taken to run where last seen, or where the process says`;
  return [{ code: 'worker-unseen', message }];
}

/** The node of the CPU on which it was seen most; of one that no snapshot caught, the last CPU it ran on. */
function locate(
  { index, tid, cpus }: ReportedWorker,
  tids: ReadonlySet<number>,
  { topology, samples, lastCpus, masks }: WorkerSources,
): LocatedWorker {
  // A prompt with other workers than generation (-tb) may have had it elsewhere: what counts is where it is pinned now.
  const mask = masks?.get(tid);
  const sampled = samples.cpusOf(tid, tids).filter(([cpu]) => mask === undefined || mask.includes(cpu));
  const lastCpu = lastCpus.get(tid);
  // The caller's mask is put back after a graph, so where it was last says little; what it saw itself says more.
  const fallback = index === 0 || lastCpu === undefined ? cpus : [lastCpu];
  const seen = sampled.length > 0 ? sampled : fallback.map((cpu): [number, number] => [cpu, 1]);
  return {
    index,
    tid,
    node: busiestNode(seen, topology),
    cpus: seen.map(([cpu]) => cpu).sort((left, right) => left - right),
    seen: sampled.reduce((sum, [, times]) => sum + times, 0),
  };
}

function busiestNode(
  seen: readonly (readonly [cpu: number, times: number])[],
  { nodes }: Topology,
): number | null {
  const times = new Map<number, number>();
  for (const [cpu, count] of seen) {
    const node = nodes.find(({ cpus }) => cpus.includes(cpu));
    if (node) times.set(node.id, (times.get(node.id) ?? 0) + count);
  }
  return [...times].sort((left, right) => right[1] - left[1])[0]?.[0] ?? null;
}
