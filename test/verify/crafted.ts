// SPDX-License-Identifier: MIT
// Reports and kernels to order: what the preload library would say, and where pages then are.
import type { PageHelper } from '../../src/runtime/page-helper.js';
import { type NodePages, PageRuns } from '../../src/runtime/page-runs.js';
import type { PreloadReport, ReportedTensor } from '../../src/runtime/preload-report.js';
import type { Topology } from '../../src/topology/types.js';
import type { ThreadSamples } from '../../src/verify/threads.js';
import { machine } from '../plan/machines.js';

export const pageSize = 4096;
/** More than PID_MAX_LIMIT minus one: no process of this machine, so that no thread of one speaks. */
export const nobody = 2 ** 22;

/** Nodes of 8 CPUs each: 0-7, 8-15, … */
export function nodesOfEight(count: number): Topology {
  return machine(Array.from({ length: count }, () => ({})));
}

export function craftTensor(fields: Partial<ReportedTensor> = {}): ReportedTensor {
  const { shape = [1024, 16, 1, 1] } = fields;
  return {
    model: 0,
    name: 'blk.0.attn_q.weight',
    buffer: 'CPU_Mapped',
    cut: 'rows',
    group: 1,
    inHostMemory: true,
    address: 0x10000,
    byteLength: shape.reduce((product, length) => product * length, 1),
    shape,
    residency: 'private',
    fileOffset: null,
    nodes: {},
    ...fields,
  };
}

/** Worker i is pinned to the i-th of the nodes, and says that it ran on that node's first CPU. */
export function craftReport(
  fields: Partial<PreloadReport> = {},
  homes: readonly number[] = [],
): PreloadReport {
  return {
    schema: 'numashard/report/1',
    pid: nobody,
    startTicks: 0,
    map: '*:rows',
    ggmlVersion: '0.27.0',
    models: [{ id: 0, files: [] }],
    residency: 'private',
    shares: [],
    placedWorkers: homes.length,
    workers: homes.map((node, index) => ({
      index,
      threads: homes.length,
      tid: 100 + index,
      node,
      cpus: [node * 8],
    })),
    threads: homes.length > 0 ? { asked: homes.length, seen: [homes.length] } : 'assumed',
    tensors: [craftTensor()],
    other: [],
    placedBytes: 0,
    misplacedBytes: 0,
    absentBytes: 0,
    unknownBytes: 0,
    movedPages: 0,
    seconds: 0.5,
    graphs: 1,
    warnings: [],
    ...fields,
  };
}

/** A kernel in whose memory (or file) these runs of pages begin at `start`; elsewhere nothing is. */
export function fakeHelper(start: number, runs: readonly NodePages[]): PageHelper {
  const all = new PageRuns(start, pageSize, runs);
  const find = (stretches: readonly { readonly start: number; readonly byteLength: number }[]): PageRuns[] =>
    stretches.map((stretch) => {
      const first = Math.floor(stretch.start / pageSize) * pageSize;
      const pages: NodePages[] = [];
      for (let page = first; page < stretch.start + stretch.byteLength; page += pageSize) {
        all.each(page, page + pageSize, (node) => pages.push({ node, pageCount: 1 }));
      }
      return new PageRuns(stretch.start, pageSize, pages);
    });
  return {
    query: async (_pid, stretches) => find(stretches),
    queryFile: async (_path, stretches) => find(stretches),
    placeFile: async () => ({ readPages: 0, movedPages: 0, droppedPages: 0, misplacedPages: 0 }),
  };
}

export const neverSeen = { cpusOf: () => [] } as unknown as ThreadSamples;
