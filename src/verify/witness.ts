// SPDX-License-Identifier: MIT
// Watches a run from outside: samples where its threads run, and looks at every process that waits at the gate.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PreloadReport } from '../runtime/preload-report.js';
import { readProcessTree, readThreads, ThreadSamples } from '../verify/threads.js';
import type { Verification } from '../verify/types.js';

/** Often enough to meet every worker of a run of seconds, rare enough to cost nothing. */
const samplePause = 100;
/** Processes start more rarely than threads move: they are looked for at every so many samples. */
const samplesPerTree = 4;

export interface Witness {
  /** From now on the threads of this process, and of all that it starts, are sampled. */
  watch(pid: number): void;
  /** To be called by the gate. */
  visit(pid: number): Promise<void>;
  stop(): void;
  /** What was seen, oldest first; several where there were several processes, or several models one after another. */
  readonly sightings: readonly Sighting[];
  /** Every process that was sampled, or came to the gate. */
  readonly pids: ReadonlySet<number>;
}

export interface Sighting {
  readonly pid: number;
  /** null where it could not be read. */
  readonly report: PreloadReport | null;
  /** null where only the report was asked for. */
  readonly verification: Verification | null;
  readonly failure: unknown;
}

export interface WitnessOptions {
  readonly readReport: (pid: number) => Promise<PreloadReport>;
  /** null: believe the report. */
  readonly verify: ((report: PreloadReport, samples: ThreadSamples) => Promise<Verification>) | null;
}

export function createWitness({ readReport, verify }: WitnessOptions): Witness {
  const sightings: Sighting[] = [];
  const samples = new ThreadSamples();
  const pids = new Set<number>();
  let isWatching = false;
  let live: number[] = [];
  const note = (pid: number): void => {
    if (!live.includes(pid)) live.push(pid);
    pids.add(pid);
  };
  const sample = async (): Promise<void> => {
    for (let count = 0; isWatching; count++) {
      if (count % samplesPerTree === 0) live = await readProcessTree(live);
      for (const pid of live) pids.add(pid);
      samples.add((await Promise.all(live.map(readThreads))).flat());
      await sleep(samplePause, undefined, { ref: false });
    }
  };
  return {
    sightings,
    pids,
    watch(pid) {
      note(pid);
      isWatching = verify !== null;
      void sample();
    },
    async visit(pid) {
      note(pid);
      let report: PreloadReport | null = null;
      let verification: Verification | null = null;
      let failure: unknown = null;
      try {
        report = await readReport(pid);
        verification = verify ? await verify(report, samples) : null;
      } catch (thrown) {
        failure = thrown;
      }
      sightings.push({ pid, report, verification, failure });
    },
    stop() {
      isWatching = false;
    },
  };
}
