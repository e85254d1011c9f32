// SPDX-License-Identifier: MIT
// What a plan is: for every strategy its map, threads and memory, and which one was chosen and why.
import type { Model } from '../model/types.js';
import type { Topology } from '../topology/types.js';

export const strategyNames = ['flat', 'isolate', 'interleave', 'weighted', 'layers', 'rows'] as const;
export type StrategyName = (typeof strategyNames)[number];

export interface PlanRequest {
  /** null where it is not known yet (`-hf`, or no model given): memory is then unknown. */
  readonly model: Model | null;
  /** Layers, where there is no model to count them in. */
  readonly blockCount?: number | null;
  readonly topology: Topology;
  /** What the user asked for; never changed. null: one thread per physical core. */
  readonly threads: number | null;
  /** null: choose. */
  readonly strategy: StrategyName | null;
  /** Threads for prompt processing (`-tb`) where they differ. */
  readonly promptThreads?: number | null;
}

interface Prediction {
  /** Generation and prompt processing, in `unit`. */
  readonly tg: number;
  readonly pp: number;
  readonly unit: string;
}

export interface StrategyPlan {
  readonly name: StrategyName;
  /** Shard map; null where nothing is placed. */
  readonly map: string | null;
  /** Node id as decimal text → workers that live there; empty where the kernel decides. */
  readonly threads: Readonly<Record<string, number>>;
  readonly predicted: Prediction | null;
  readonly bottleneck: string | null;
  /** Node id as decimal text → bytes of weights there; empty where unknown. KV and compute buffers not counted. */
  readonly memory: Readonly<Record<string, number>>;
  /** null where the model or the free memory is unknown. */
  readonly fits: boolean | null;
  /** Summed over the nodes that lack memory. */
  readonly missingBytes: number | null;
  readonly lowerBoundSeconds: number | null;
}

export type PlanWarningCode =
  /** One node: nothing to place, llama.cpp runs as it would without us. */
  | 'one-node'
  /** Only one of several nodes has both CPUs and memory that this process may use. */
  | 'one-usable-node'
  | 'no-usable-node'
  /** Nodes with CPUs but without usable memory get no threads. */
  | 'node-left-out'
  | 'fewer-threads-than-nodes'
  /** The threads do not divide evenly: some nodes get more rows. */
  | 'threads-uneven'
  | 'threads-exceed-cores'
  | 'threads-exceed-cpus'
  | 'cores-unused'
  /** `-tb` cuts rows elsewhere than `-t`: part of the prompt's reads are remote. */
  | 'prompt-threads-uneven'
  | 'does-not-fit';

export interface PlanWarning {
  readonly code: PlanWarningCode;
  readonly message: string;
}

export interface Plan {
  readonly strategies: readonly StrategyPlan[];
  readonly chosen: StrategyName;
  /** Workers in all, for `-t`. */
  readonly threads: number;
  readonly promptThreads: number | null;
  /** What the preload library reads; empty under `flat`. */
  readonly environment: Readonly<Record<string, string>>;
  readonly warnings: readonly PlanWarning[];
}
