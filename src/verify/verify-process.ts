// SPDX-License-Identifier: MIT
// Verifies a running llama.cpp: takes from the preload's report what lies at which address, and asks the
// kernel, from this process, where those pages are and where the workers run.
import { classifyTensor } from '../model/classify-tensor.js';
import type { Model, ModelTensor } from '../model/types.js';
import type { PageHelper } from '../runtime/page-helper.js';
import { PageRuns } from '../runtime/page-runs.js';
import type { PreloadReport, ReportedTensor, ReportedWorker } from '../runtime/preload-report.js';
import { shapeOf } from '../shardmap/cut.js';
import { localShareBound } from '../shardmap/pages.js';
import { isObserve, parseShardMap } from '../shardmap/parse.js';
import { resolveShardMap } from '../shardmap/resolve.js';
import type { MachineNodes, Placement } from '../shardmap/types.js';
import type { Topology } from '../topology/types.js';
import { balanceOf, scoreRanges, scoreRows } from './score.js';
import { readThreads, type ThreadSamples } from './threads.js';
import type { Verification, VerifiedBuffer, VerifiedTensor, VerifiedWorker } from './types.js';

export interface VerifyInput {
  readonly report: PreloadReport;
  readonly topology: Topology;
  readonly helper: PageHelper;
  /** Where the threads were seen while they computed. */
  readonly samples: ThreadSamples;
  /** The model as its file tells it, for roles; without it names alone decide. */
  readonly model: Model | null;
  /** Whether each tensor's pages are to be listed. */
  readonly listsPages?: boolean;
}

export async function verifyProcess(input: VerifyInput): Promise<Verification> {
  const { report, topology, helper } = input;
  const threads = await readThreads(report.pid);
  const last = new Map(threads.map(({ tid, cpu }) => [tid, cpu]));
  const weights = report.tensors.filter(({ inHostMemory }) => inHostMemory);
  const pages = await helper.query(report.pid, [...weights, ...hostBuffers(report)].map(stretchOf));
  const placements = expectedPlacements(input, weights);
  const workers = report.workers
    .map((worker) => locate(worker, input, last))
    .sort((a, b) => a.index - b.index);
  const workerNodes = homesOf(report, workers);
  const nowhere = new PageRuns(0, topology.pageSize, []);
  const isObserved = isObserve(report.map);
  const tensors = weights.flatMap((tensor, index) => {
    const placement = placements[index];
    return placement ? [verifyTensor(tensor, placement, pages[index] ?? nowhere, workerNodes, input)] : [];
  });
  return {
    pid: report.pid,
    models: report.models,
    map: report.map,
    residency: report.residency,
    method: 'move_pages',
    ggmlVersion: report.ggmlVersion,
    threads: report.threads,
    workers,
    tensors,
    other: [
      ...hostBuffers(report).map((buffer, index) =>
        verifyBuffer(buffer, pages[weights.length + index] ?? nowhere),
      ),
      ...outsideHostMemory(report),
    ],
    ...addUp(tensors),
    localShareBound: isObserved ? 1 : localShareBound(placements, topology.pageSize),
    rows: addRows(tensors),
    balance: balanceOf(addNodes(tensors)),
    movedPages: report.movedPages,
    seconds: report.seconds,
    warnings: report.warnings,
  };
}

/** The totals of a verification. */
export function addUp(
  tensors: readonly VerifiedTensor[],
): Pick<Verification, 'placedBytes' | 'misplacedBytes' | 'absentBytes' | 'unknownBytes'> {
  const sum = (key: 'byteLength' | 'misplacedBytes' | 'absentBytes' | 'unknownBytes'): number =>
    tensors.reduce((total, tensor) => total + tensor[key], 0);
  return {
    placedBytes: sum('byteLength'),
    misplacedBytes: sum('misplacedBytes'),
    absentBytes: sum('absentBytes'),
    unknownBytes: sum('unknownBytes'),
  };
}

function addRows(tensors: readonly VerifiedTensor[]): Verification['rows'] {
  const owned = tensors.flatMap(({ rows }) => rows ?? []);
  return {
    byteLength: owned.reduce((total, { byteLength }) => total + byteLength, 0),
    localBytes: owned.reduce((total, { localBytes }) => total + localBytes, 0),
  };
}

/** Bytes by node, summed. */
export function addNodes(
  parts: readonly { readonly nodes: Readonly<Record<string, number>> }[],
): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { nodes } of parts) {
    for (const [node, bytes] of Object.entries(nodes)) total[node] = (total[node] ?? 0) + bytes;
  }
  return total;
}

export function machineNodes({ nodes, limits }: Topology): MachineNodes {
  const withMemory = nodes.filter(
    ({ id, memoryBytes }) => (memoryBytes ?? 0) > 0 && limits.nodes.includes(id),
  );
  const withBoth = withMemory.filter(({ cpus }) => cpus.some((cpu) => limits.cpus.includes(cpu)));
  return { nodes: withMemory.map(({ id }) => id), usableNodes: withBoth.map(({ id }) => id) };
}

function stretchOf({ address, byteLength }: ReportedTensor): { start: number; byteLength: number } {
  return { start: address ?? 0, byteLength };
}

function hostBuffers(report: PreloadReport): ReportedTensor[] {
  return report.other.filter(({ inHostMemory }) => inHostMemory);
}

/** The map resolved for exactly what was announced: addresses stand in for file offsets. */
function expectedPlacements(
  { report, topology, model }: VerifyInput,
  weights: readonly ReportedTensor[],
): Placement[] {
  const roles = new Map(model?.tensors.map((tensor) => [tensor.name, tensor]));
  const reported = new Map<ModelTensor, ReportedTensor>();
  const tensors = weights.map((tensor): ModelTensor => {
    const { layer, role } = roles.get(tensor.name) ?? classifyTensor(tensor.name);
    const { name, byteLength, shape = [], address } = tensor;
    const known = { name, layer, role, type: '', shape, byteLength, file: '', fileOffset: address ?? 0 };
    reported.set(known, tensor);
    return known;
  });
  const announced: Model = {
    architecture: model?.architecture ?? 'unknown',
    // Layers past the last were refused when the map was taken up; here every rule may stand.
    blockCount: Number.MAX_SAFE_INTEGER,
    byteLength: 0,
    files: [],
    tensors,
  };
  return [
    ...resolveShardMap(parseShardMap(report.map), announced, {
      ...machineNodes(topology),
      shares: usesRows(report) ? report.shares : [],
      workers: report.placedWorkers,
      pageSize: topology.pageSize,
      repack: (tensor) => repackOf(reported.get(tensor)),
    }).placements,
  ];
}

function usesRows({ map }: PreloadReport): boolean {
  return parseShardMap(map).some(({ target }) => target.kind === 'rows');
}

function repackOf(tensor: ReportedTensor | undefined): { repacked: boolean; group: number } {
  return { repacked: tensor?.cut.startsWith('rows-repacked') ?? false, group: tensor?.group ?? 1 };
}

function verifyTensor(
  tensor: ReportedTensor,
  placement: Placement,
  pages: PageRuns,
  workerNodes: readonly (number | null)[],
  { report, listsPages = false }: VerifyInput,
): VerifiedTensor {
  const { address, byteLength, model, name, buffer, shape = [byteLength] } = tensor;
  const { cut, ranges } = placement;
  const start = address ?? 0;
  const score = scoreRanges(pages, start, ranges);
  return {
    model,
    name,
    role: placement.tensor.role,
    buffer,
    cut: cut.kind,
    address,
    byteLength,
    ...score,
    // Where nothing was asked for, nothing is misplaced.
    misplacedBytes: isObserve(report.map) ? 0 : score.misplacedBytes,
    rows: scoreRows(pages, start, cut, shapeOf({ shape, byteLength }), workerNodes),
    ...(listsPages ? { pages: pages.runs } : {}),
  };
}

function verifyBuffer(tensor: ReportedTensor, pages: PageRuns): VerifiedBuffer {
  const { name, buffer, address, byteLength, inHostMemory } = tensor;
  const { nodes } = scoreRanges(pages, address ?? 0, [{ offset: 0, byteLength, node: -1 }]);
  return { name, buffer, address, byteLength, inHostMemory, nodes };
}

/** Weights and buffers on other devices: not ours, but not left out of the list. */
function outsideHostMemory({ tensors, other }: PreloadReport): VerifiedBuffer[] {
  return [...tensors, ...other]
    .filter(({ inHostMemory }) => !inHostMemory)
    .map(({ name, buffer, byteLength }) => ({
      name,
      buffer,
      address: null,
      byteLength,
      inHostMemory: false,
      nodes: {},
    }));
}

/** The node of the CPU on which a worker was seen most; of one that no snapshot caught, the last CPU it ran on. */
function locate(
  worker: ReportedWorker,
  { report, topology, samples }: VerifyInput,
  last: LastCpus,
): VerifiedWorker {
  const { index, tid, cpus } = worker;
  const sampled = samples.cpusOf(tid, new Set(report.workers.map((other) => other.tid)));
  const lastCpu = last.get(tid);
  // The caller's mask is put back after a graph, so where it was last says little; what it saw itself says more.
  const fallback = index === 0 || lastCpu === undefined ? cpus : [lastCpu];
  const seen = sampled.length > 0 ? sampled : fallback.map((cpu): [number, number] => [cpu, 1]);
  const times = new Map<number, number>();
  for (const [cpu, count] of seen) {
    const node = topology.nodes.find((candidate) => candidate.cpus.includes(cpu));
    if (node) times.set(node.id, (times.get(node.id) ?? 0) + count);
  }
  const [node = null] = [...times].sort((a, b) => b[1] - a[1])[0] ?? [];
  return {
    index,
    tid,
    node,
    cpus: seen.map(([cpu]) => cpu).sort((a, b) => a - b),
    seen: sampled.reduce((sum, [, count]) => sum + count, 0),
  };
}

type LastCpus = ReadonlyMap<number, number>;

/** Node of worker i of n, where n is the count for which rows are cut in generation. */
function homesOf(report: PreloadReport, workers: readonly VerifiedWorker[]): (number | null)[] {
  const seen = typeof report.threads === 'object' ? report.threads.seen : [];
  const count = seen.includes(report.placedWorkers) ? report.placedWorkers : (seen[0] ?? 0);
  return Array.from({ length: count }, (_, index) => workers.find((w) => w.index === index)?.node ?? null);
}
