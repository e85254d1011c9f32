// SPDX-License-Identifier: MIT
// An independent judge of a run's report: takes only the kernel's page positions and the threads' places from it,
// and works out by itself, from ggml's cuts, which node each byte belongs to. It shares no code with src/.
import type { ModelTensor } from '../../../src/model/types.js';

interface ReportedPages {
  readonly node: number;
  readonly pageCount: number;
}

export interface RunReport {
  readonly map: string;
  readonly models: readonly { readonly id: number; readonly files: readonly string[] }[];
  readonly verified: boolean;
  readonly faults: readonly string[];
  readonly residency: string;
  readonly localShareBound: number;
  readonly placedBytes: number;
  readonly misplacedBytes: number;
  readonly absentBytes: number;
  readonly unknownBytes: number;
  readonly balance: number;
  readonly movedPages: number;
  readonly rows: { readonly byteLength: number; readonly localBytes: number };
  readonly threads: { readonly asked: number | null; readonly seen: readonly number[] } | string;
  readonly workers: readonly {
    readonly index: number;
    readonly node: number | null;
    /** Times that it was caught at work. */
    readonly seen: number;
  }[];
  readonly tensors: readonly ReportedTensor[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
  readonly ended: { readonly exitCode: number | null; readonly signal: string | null };
}

export interface ReportedTensor {
  readonly model: number;
  readonly name: string;
  readonly buffer: string;
  readonly address: number;
  readonly byteLength: number;
  readonly pages: readonly ReportedPages[];
}

/** The node that a map gives a byte of a tensor, and the worker that reads it; null: no fixed worker. */
interface Owner {
  readonly end: number;
  readonly node: number;
  readonly worker: number | null;
}

export interface Judgement {
  readonly byteLength: number;
  /** Shares of all bytes: on their node, on the node after it, and the most that whole pages allow. */
  readonly right: number;
  readonly rotated: number;
  readonly bound: number;
  /** Share of all rows with a worker that lie where that worker ran. */
  readonly local: number;
  /** The worst (tensor of 64 KiB or more, worker). */
  readonly worst: { readonly tensor: string; readonly worker: number; readonly local: number };
  /** The worst worker over all tensors. */
  readonly worstWorker: number;
  /** By the node that the map gives them: all bytes, and those that lie there. */
  readonly byNode: readonly { readonly bytes: number; readonly there: number }[];
  readonly repackedTensors: number;
}

/** All nodes have memory and CPUs. */
export interface Shape {
  readonly ids: readonly number[];
  readonly pageSize: number;
}

/** A number of nodes stands for as many without gaps in their ids, on x86-64. */
function shapeOf(nodes: number | Shape): Shape {
  return typeof nodes === 'number'
    ? { ids: Array.from({ length: nodes }, (_, id) => id), pageSize: x86PageSize }
    : nodes;
}

const x86PageSize = 4096;
/** Rows that ggml's AVX2 repacking keeps together (repack.cpp: q4_0 8x8, q4_K 8x8). */
const repackedRows = 8;
const smallTensor = 64 * 1024;

export type OwnersOf = (tensor: ReportedTensor, known: ModelTensor) => readonly Owner[];

/** `rows`: each worker's rows on its node, in blocks of equal size; the rest page by page in turn. */
export function rowOwners(workers: number, nodes: number | Shape): OwnersOf {
  const shape = shapeOf(nodes);
  const homeOf = (worker: number) =>
    shape.ids[Math.floor(((worker + 0.5) / workers) * shape.ids.length)] as number;
  return (tensor, known) => {
    const matrix = matrixOf(known);
    if (matrix === null) return pagesInTurn(tensor, shape);
    return sliced(tensor, matrix, workers, homeOf);
  };
}

/** What a stock `--numa distribute -t N` reads: slice i on node i mod nodes. */
export function distributeOwners(workers: number, nodes: number): OwnersOf {
  return (tensor, known) => {
    const matrix = matrixOf(known);
    if (matrix === null) return [{ end: tensor.byteLength, node: 0, worker: null }];
    return sliced(tensor, matrix, workers, (worker) => worker % nodes);
  };
}

interface Matrix {
  readonly rows: number;
  readonly matrices: number;
}

/** null for what no worker owns: norms, biases and the embedding, which is only looked up. */
function matrixOf({ name, shape }: ModelTensor): Matrix | null {
  const [, rows = 1, matrices = 1] = shape;
  return shape.length < 2 || name === 'token_embd.weight' ? null : { rows, matrices };
}

function sliced(
  { byteLength, buffer }: ReportedTensor,
  { rows, matrices }: Matrix,
  workers: number,
  homeOf: (worker: number) => number,
): Owner[] {
  const rowBytes = byteLength / (rows * matrices);
  const isRepacked = buffer.includes('REPACK');
  const first = (worker: number): number => {
    if (!isRepacked) return Math.min(worker * Math.ceil(rows / workers), rows);
    const start = matrices > 1 ? Math.floor((worker * rows) / workers) : worker * Math.ceil(rows / workers);
    return Math.min(Math.ceil(start / repackedRows) * repackedRows, rows);
  };
  return Array.from({ length: matrices * workers }, (_, slice) => {
    const worker = slice % workers;
    const end = (Math.floor(slice / workers) * rows + first(worker + 1)) * rowBytes;
    return { end, node: homeOf(worker), worker };
  });
}

function pagesInTurn({ address, byteLength }: ReportedTensor, { ids, pageSize }: Shape): Owner[] {
  const phase = address % pageSize;
  return Array.from({ length: Math.ceil((phase + byteLength) / pageSize) }, (_, page) => ({
    end: Math.min((page + 1) * pageSize - phase, byteLength),
    node: ids[page % ids.length] as number,
    worker: null,
  }));
}

export function judge(
  report: RunReport,
  known: readonly ModelTensor[],
  ownersOf: OwnersOf,
  nodes: number | Shape,
): Judgement {
  const { ids, pageSize } = shapeOf(nodes);
  const byName = new Map(known.map((tensor) => [tensor.name, tensor]));
  const ranOn = new Map(report.workers.map(({ index, node }) => [index, node]));
  const workers = new Map<number, { bytes: number; local: number }>();
  const bytesOnPage = new Map<number, Map<number, number>>();
  const byNode = Array.from({ length: Math.max(...ids) + 1 }, () => ({ bytes: 0, there: 0 }));
  const nextOf = (node: number) => ids[(ids.indexOf(node) + 1) % ids.length];
  let rotated = 0;
  let worst = { tensor: '', worker: -1, local: 1 };
  for (const tensor of report.tensors) {
    const knownTensor = byName.get(tensor.name);
    if (!knownTensor) throw new Error(`${tensor.name} is reported and not in the model`);
    const perWorker = new Map<number, { bytes: number; local: number }>();
    eachPiece(tensor, pageSize, ownersOf(tensor, knownTensor), (bytes, owner, page, node) => {
      const own = byNode[owner.node] as { bytes: number; there: number };
      own.bytes += bytes;
      if (node === owner.node) own.there += bytes;
      if (node === nextOf(owner.node)) rotated += bytes;
      addTo(bytesOnPage, page, owner.node, bytes);
      if (owner.worker === null) return;
      const localBytes = node === ranOn.get(owner.worker) ? bytes : 0;
      for (const sums of [perWorker, workers]) {
        const sum = sums.get(owner.worker) ?? { bytes: 0, local: 0 };
        sums.set(owner.worker, { bytes: sum.bytes + bytes, local: sum.local + localBytes });
      }
    });
    for (const [worker, sum] of perWorker) {
      const share = sum.local / sum.bytes;
      if (tensor.byteLength >= smallTensor && share < worst.local)
        worst = { tensor: tensor.name, worker, local: share };
    }
  }
  const owned = [...workers.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  const local = [...workers.values()].reduce((sum, worker) => sum + worker.local, 0);
  const byteLength = byNode.reduce((sum, { bytes }) => sum + bytes, 0);
  const right = byNode.reduce((sum, { there }) => sum + there, 0);
  const onBestNode = [...bytesOnPage.values()].reduce((sum, page) => sum + Math.max(...page.values()), 0);
  return {
    byteLength,
    right: right / byteLength,
    rotated: rotated / byteLength,
    bound: onBestNode / byteLength,
    local: owned === 0 ? 1 : local / owned,
    worst,
    worstWorker: Math.min(1, ...[...workers.values()].map((sum) => sum.local / sum.bytes)),
    byNode,
    repackedTensors: report.tensors.filter(({ buffer }) => buffer.includes('REPACK')).length,
  };
}

/** Each page of a tensor once: address of the page, the node the kernel gave. */
export function eachPage(
  { address, pages }: ReportedTensor,
  emit: (page: number, node: number) => void,
  pageSize = x86PageSize,
): void {
  let page = address - (address % pageSize);
  for (const { node, pageCount } of pages) {
    for (let last = page + pageCount * pageSize; page < last; page += pageSize) emit(page, node);
  }
}

/** Bytes of a tensor that lie on a page. */
export function bytesOn({ address, byteLength }: ReportedTensor, page: number): number {
  return Math.min(page + x86PageSize, address + byteLength) - Math.max(page, address);
}

function eachPiece(
  tensor: ReportedTensor,
  pageSize: number,
  owners: readonly Owner[],
  emit: (bytes: number, owner: Owner, page: number, node: number) => void,
): void {
  let index = 0;
  let at = tensor.address;
  const eachPart = (page: number, node: number) => {
    const end = Math.min(page + pageSize, tensor.address + tensor.byteLength);
    while (at < end) {
      const owner = owners[index];
      if (!owner) throw new Error(`no owner for byte ${at - tensor.address} of ${tensor.name}`);
      const stop = Math.min(end, tensor.address + owner.end);
      if (stop > at) emit(stop - at, owner, page, node);
      at = Math.max(at, stop);
      if (at === tensor.address + owner.end) index++;
    }
  };
  eachPage(tensor, eachPart, pageSize);
  if (at !== tensor.address + tensor.byteLength) throw new Error(`pages of ${tensor.name} are missing`);
}

function addTo(map: Map<number, Map<number, number>>, page: number, node: number, bytes: number): void {
  const nodes = map.get(page) ?? new Map<number, number>();
  map.set(page, nodes);
  nodes.set(node, (nodes.get(node) ?? 0) + bytes);
}
