// SPDX-License-Identifier: MIT
// Verifies a running llama.cpp: takes from the preload's report what lies at which address, and asks the
// kernel, from this process, where those pages are and where the workers run.
import { classifyTensor } from '../model/classify-tensor.js';
import type { Model, ModelTensor } from '../model/types.js';
import { machineNodes } from '../plan/machine-nodes.js';
import type { PageHelper } from '../runtime/page-helper.js';
import { PageRuns } from '../runtime/page-runs.js';
import type { PreloadReport, ReportedTensor } from '../runtime/preload-report.js';
import { newerThanTested } from '../runtime/tested-with.js';
import { readThreadMasks } from '../runtime/thread-masks.js';
import { shapeOf } from '../shardmap/cut.js';
import { findRule, isLanguageWeight } from '../shardmap/find-rule.js';
import { localShareBound } from '../shardmap/pages.js';
import { isObserve, parseShardMap, usesRows } from '../shardmap/parse.js';
import { resolveShardMap } from '../shardmap/resolve.js';
import type { Placement } from '../shardmap/types.js';
import type { Topology } from '../topology/types.js';
import { findPages } from './find-pages.js';
import { scoreRanges, scoreRows } from './score.js';
import { readThreads, type ThreadSamples } from './threads.js';
import { addNodes, addRows, addUp, balanceOf } from './totals.js';
import type { Verification, VerifiedBuffer, VerifiedTensor } from './types.js';
import { addWorker, findWorstRows, type OwnedTensor } from './worker-rows.js';
import { homesOf, locateWorkers, unseenWarnings } from './workers.js';

export interface VerifyInput {
  readonly report: PreloadReport;
  readonly topology: Topology;
  readonly helper: PageHelper;
  /** Where the threads were seen while they computed. */
  readonly samples: ThreadSamples;
  /** By id, the models as their files tell them, for roles; where one is missing names alone decide. */
  readonly models: ReadonlyMap<number, Model>;
  /** Whether each tensor's pages are to be listed. */
  readonly listsPages?: boolean;
}

export async function verifyProcess(input: VerifyInput): Promise<Verification> {
  const { report, topology, helper, samples } = input;
  const lastCpus = new Map((await readThreads(report.pid)).map(({ tid, cpu }) => [tid, cpu]));
  const { weights, buffers, elsewhere } = sortOut(report);
  const pages = await findPages(helper, report.pid, [...weights, ...buffers].map(stretchOf));
  const placements = expectedPlacements(input, weights);
  const masks = new Map((await readThreadMasks(report.pid)).map(({ tid, cpus }) => [tid, cpus]));
  const located = locateWorkers({ report, topology, samples, lastCpus, masks });
  const homes = homesOf(report, located);
  const nowhere = new PageRuns(0, topology.pageSize, []);
  const verified = weights.flatMap((tensor, index) => {
    const placement = placements[index];
    return placement ? [verifyTensor(tensor, placement, pages[index] ?? nowhere, homes, input)] : [];
  });
  const tensors = verified.map(({ tensor }) => tensor);
  const owned = verified.flatMap((one) => one.owned ?? []);
  // Where a map gives rows to some tensors only, the others are not asked to be local.
  const asked = usesRows(report.map) ? owned.filter(({ kind }) => kind === 'rows') : owned;
  return {
    pid: report.pid,
    models: report.models,
    map: report.map,
    residency: report.residency,
    method: 'move_pages',
    ggmlVersion: report.ggmlVersion,
    threads: report.threads,
    workers: located.map((worker) => ({ ...worker, rows: addWorker(owned, worker.index) })),
    tensors,
    other: [
      ...buffers.map((buffer, index) => verifyBuffer(buffer, pages[weights.length + index] ?? nowhere)),
      ...elsewhere.map(asReported),
    ],
    ...addUp(tensors),
    localShareBound: isObserve(report.map) ? 1 : localShareBound(placements, topology.pageSize),
    rows: addRows(tensors),
    worstRows: findWorstRows(asked, topology.pageSize),
    balance: balanceOf(addNodes(tensors)),
    movedPages: report.movedPages,
    seconds: report.seconds,
    warnings: [
      ...report.warnings,
      ...unseenWarnings(located, homes.length),
      ...newerThanTested(report.ggmlVersion),
    ],
  };
}

/** What the map speaks of, what else is in host memory, and what is not. */
function sortOut({
  tensors,
  other,
  map,
}: PreloadReport): Record<'weights' | 'buffers' | 'elsewhere', ReportedTensor[]> {
  const rules = parseShardMap(map);
  // Image encoders and adapters that no rule names were not placed (native/preload/announce.c).
  const isOurs = ({ name }: ReportedTensor): boolean =>
    isLanguageWeight(name) || findRule(rules, { name, ...classifyTensor(name) }) !== null;
  const inHost = tensors.filter(({ inHostMemory }) => inHostMemory);
  return {
    weights: inHost.filter(isOurs),
    buffers: [
      ...other.filter(({ inHostMemory, address }) => inHostMemory && address !== null),
      ...inHost.filter((tensor) => !isOurs(tensor)),
    ],
    // Buffers that were freed before we came have no address any more, and say where they were.
    elsewhere: [...tensors, ...other].filter(
      ({ inHostMemory, address }) => !inHostMemory || address === null,
    ),
  };
}

function stretchOf({ address, byteLength }: ReportedTensor): { start: number; byteLength: number } {
  return { start: address ?? 0, byteLength };
}

/** The map resolved for exactly what was announced: addresses stand in for file offsets. */
function expectedPlacements(
  { report, topology, models }: VerifyInput,
  weights: readonly ReportedTensor[],
): Placement[] {
  const known = [...models].map(
    ([id, { tensors }]) => [id, new Map(tensors.map((one) => [one.name, one]))] as const,
  );
  const roles = new Map(known);
  const reported = new Map<ModelTensor, ReportedTensor>();
  const tensors = weights.map((tensor): ModelTensor => {
    const { layer, role } = roles.get(tensor.model ?? -1)?.get(tensor.name) ?? classifyTensor(tensor.name);
    const { name, byteLength, shape = [], address } = tensor;
    const announced = { name, layer, role, type: '', shape, byteLength, file: '', fileOffset: address ?? 0 };
    reported.set(announced, tensor);
    return announced;
  });
  const all: Model = {
    architecture: 'unknown',
    // Layers past the last were refused when the map was taken up; here every rule may stand.
    blockCount: Number.MAX_SAFE_INTEGER,
    byteLength: 0,
    files: [],
    tensors,
  };
  return [
    ...resolveShardMap(parseShardMap(report.map), all, {
      ...machineNodes(topology),
      shares: usesRows(report.map) ? report.shares : [],
      workers: report.placedWorkers,
      pageSize: topology.pageSize,
      repack: (tensor) => repackOf(reported.get(tensor)),
    }).placements,
  ];
}

function repackOf(tensor: ReportedTensor | undefined): { repacked: boolean; group: number } {
  return { repacked: tensor?.cut.startsWith('rows-repacked') ?? false, group: tensor?.group ?? 1 };
}

interface Verified {
  readonly tensor: VerifiedTensor;
  readonly owned: (OwnedTensor & { readonly kind: Placement['target']['kind'] }) | null;
}

function verifyTensor(
  tensor: ReportedTensor,
  placement: Placement,
  pages: PageRuns,
  homes: readonly (number | null)[],
  { report, listsPages = false }: VerifyInput,
): Verified {
  const { address, byteLength, model, name, buffer, shape = [byteLength] } = tensor;
  const { cut, ranges, target } = placement;
  const start = address ?? 0;
  const score = scoreRanges(pages, start, ranges);
  const rows = scoreRows(pages, start, cut, shapeOf({ shape, byteLength }), homes);
  const verified: VerifiedTensor = {
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
    rows: rows && { byteLength: rows.byteLength, localBytes: rows.localBytes },
    ...(listsPages ? { pages: pages.runs } : {}),
  };
  return { tensor: verified, owned: rows && { ...rows, name, byteLength, kind: target.kind } };
}

function verifyBuffer(tensor: ReportedTensor, pages: PageRuns): VerifiedBuffer {
  const { name, buffer, address, byteLength, inHostMemory } = tensor;
  const { nodes } = scoreRanges(pages, address ?? 0, [{ offset: 0, byteLength, node: -1 }]);
  return { name, buffer, address, byteLength, inHostMemory, nodes };
}

/** Not ours to ask about, on other devices or freed; but not left out of the list. */
function asReported({ name, buffer, byteLength, inHostMemory, nodes }: ReportedTensor): VerifiedBuffer {
  return { name, buffer, address: null, byteLength, inHostMemory, nodes };
}
