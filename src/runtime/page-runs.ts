// SPDX-License-Identifier: MIT
// Where a stretch of memory or of a file lies, page by page, as runs; and the bytes of a part of it by node.

/** Instead of a node id: not in memory; in memory, but the kernel does not say where (page helper's codes). */
export const absentPage = -1;
export const unknownPage = -2;

/** Pages one after the other on one node, or with one of the codes above. */
export interface NodePages {
  readonly node: number;
  readonly pageCount: number;
}

export class PageRuns {
  readonly runs: readonly NodePages[];
  readonly #pageSize: number;
  /** Address or file offset at which each run begins, ascending; one more entry ends the last. */
  readonly #starts: number[];

  /** `start`: address or offset of anything inside the first page. */
  constructor(start: number, pageSize: number, runs: readonly NodePages[]) {
    this.#pageSize = pageSize;
    this.runs = runs;
    this.#starts = [Math.floor(start / pageSize) * pageSize];
    for (const { pageCount } of runs) this.#starts.push((this.#starts.at(-1) ?? 0) + pageCount * pageSize);
  }

  get pageCount(): number {
    return ((this.#starts.at(-1) ?? 0) - (this.#starts[0] ?? 0)) / this.#pageSize;
  }

  /** Calls back with the node and the bytes of each run inside [start, end); what no run covers is absent. */
  each(start: number, end: number, emit: (node: number, byteLength: number) => void): void {
    let at = start;
    for (let run = this.#runAt(start); at < end && run < this.runs.length; run++) {
      const stop = Math.min(end, this.#starts[run + 1] ?? end);
      if (stop > at) emit(this.runs[run]?.node ?? absentPage, stop - at);
      at = Math.max(at, stop);
    }
    if (at < end) emit(absentPage, end - at);
  }

  /** The same pages, the absent ones as `other` has them: it looked at as many pages in another way. */
  orElse(other: PageRuns): PageRuns {
    const runs: { node: number; pageCount: number }[] = [];
    const add = (node: number, pageCount: number): void => {
      const last = runs.at(-1);
      if (last?.node === node) last.pageCount += pageCount;
      else runs.push({ node, pageCount });
    };
    let at = other.#starts[0] ?? 0;
    for (const { node, pageCount } of this.runs) {
      const byteLength = pageCount * this.#pageSize;
      if (node !== absentPage) add(node, pageCount);
      else other.each(at, at + byteLength, (found, bytes) => add(found, bytes / this.#pageSize));
      at += byteLength;
    }
    return new PageRuns(this.#starts[0] ?? 0, this.#pageSize, runs);
  }

  #runAt(address: number): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle + 1] ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
