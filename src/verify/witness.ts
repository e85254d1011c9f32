// SPDX-License-Identifier: MIT
// Watches a run from outside: samples where its threads run, and looks at every process that waits at the gate.
import { setTimeout as sleep } from 'node:timers/promises';
import type { PreloadReport } from '../runtime/preload-report.js';
import { readThreads, ThreadSamples } from '../verify/threads.js';
import type { Verification } from '../verify/types.js';

/** Often enough to meet every worker of a run of seconds, rare enough to cost nothing. */
const samplePause = 100;

export interface Witness {
  /** From now on the threads of this process are sampled. */
  watch(pid: number): void;
  /** To be called by the gate. */
  visit(pid: number): Promise<void>;
  stop(): void;
  /** What was seen, oldest first; several where a process held several models one after another. */
  readonly sightings: readonly Sighting[];
}

export interface Sighting {
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
  let isWatching = false;
  const sample = async (pid: number): Promise<void> => {
    while (isWatching) {
      samples.add(await readThreads(pid));
      await sleep(samplePause, undefined, { ref: false });
    }
  };
  return {
    sightings,
    watch(pid) {
      isWatching = verify !== null;
      void sample(pid);
    },
    async visit(pid) {
      let report: PreloadReport | null = null;
      let verification: Verification | null = null;
      let failure: unknown = null;
      try {
        report = await readReport(pid);
        verification = verify ? await verify(report, samples) : null;
      } catch (thrown) {
        failure = thrown;
      }
      sightings.push({ report, verification, failure });
    },
    stop() {
      isWatching = false;
    },
  };
}
