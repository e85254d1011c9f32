// SPDX-License-Identifier: MIT
// Chooses a strategy for a model, a machine and a number of threads. Until there is a cost model the choice is a
// rule: `rows` over every node that has CPUs and memory, because it reads locally from all memories at once.
import { NumashardError } from '../errors.js';
import { findPlanWarnings } from './plan-warnings.js';
import { planFlat, planStrategies } from './strategies.js';
import type { Plan, PlanRequest, PlanWarning, StrategyName, StrategyPlan } from './types.js';
import { type UsableNode, usableNodes } from './usable-nodes.js';

/** GGML_MAX_N_THREADS in ggml.h: llama.cpp runs no more. */
const maxThreads = 512;
/** Eight times LLAMA_MAX_LAYERS in llama-hparams.h. */
const maxBlockCount = 4096;

/**
 * Throws `usage` for numbers out of range and `plan-impossible` for a strategy that cannot be had here. The
 * threads a user gives are kept as they are.
 */
export function planPlacement(request: PlanRequest): Plan {
  const { model, topology, threads } = request;
  checkNumber('threads', threads, maxThreads, 'GGML_MAX_N_THREADS');
  checkNumber('prompt threads', request.promptThreads ?? null, maxThreads, 'GGML_MAX_N_THREADS');
  checkNumber('layers', request.blockCount ?? null, maxBlockCount, 'eight times LLAMA_MAX_LAYERS');
  const blockCount = model?.blockCount || request.blockCount || null;
  const nodes = usableNodes(topology);
  const strategies =
    nodes.length === 0
      ? [planFlat(model, topology)]
      : planStrategies({ model, blockCount, topology, nodes, threads });
  const { chosen, warnings } = choose(request, nodes, blockCount);
  const plan = strategies.find((candidate) => candidate.name === chosen) as StrategyPlan;
  const workers = Object.values(plan.threads).reduce((sum, count) => sum + count, 0);
  return {
    strategies,
    chosen,
    threads: threads ?? (workers || coresAllowed(request)),
    promptThreads: request.promptThreads ?? null,
    environment: planEnvironment(plan),
    warnings: [...warnings, ...findPlanWarnings(request, nodes, plan, strategies)],
  };
}

/** What the preload library is told; nothing where nothing is placed. */
function planEnvironment({ map, threads }: Pick<StrategyPlan, 'map' | 'threads'>): Record<string, string> {
  if (map === null) return {};
  // Keys that are integers come in ascending order, which is the order in which workers take the nodes.
  const shares = Object.entries(threads).map(([node, count]) => `${node}:${count}`);
  return { GGML_NUMA_SHARD_MAP: map, GGML_NUMA_SHARD_THREADS: shares.join(',') };
}

interface Choice {
  readonly chosen: StrategyName;
  readonly warnings: readonly PlanWarning[];
}

function choose(request: PlanRequest, nodes: readonly UsableNode[], blockCount: number | null): Choice {
  const { strategy, threads, topology } = request;
  if (topology.nodes.length === 1) {
    const message = 'one NUMA node: nothing to place, llama.cpp runs as it would by itself';
    return { chosen: 'flat', warnings: [{ code: 'one-node', message }] };
  }
  if (strategy === 'flat') return { chosen: 'flat', warnings: [] };
  const [first] = nodes;
  if (first === undefined) {
    const message = 'no node has both CPUs and memory that this process may use: nothing is placed';
    return { chosen: 'flat', warnings: [{ code: 'no-usable-node', message }] };
  }
  if (nodes.length === 1) {
    const message = `only node ${first.id} has both CPUs and memory that this process may use: all goes there`;
    return { chosen: 'isolate', warnings: [{ code: 'one-usable-node', message }] };
  }
  if (strategy !== null) return { chosen: possible(strategy, blockCount), warnings: [] };
  if (threads !== null && threads < nodes.length) {
    const message = `${threads} threads on ${nodes.length} nodes: isolate on one node, -t ${nodes.length} or more uses all`;
    return { chosen: 'isolate', warnings: [{ code: 'fewer-threads-than-nodes', message }] };
  }
  return { chosen: 'rows', warnings: [] };
}

function possible(strategy: StrategyName, blockCount: number | null): StrategyName {
  if (strategy === 'weighted') {
    throw new NumashardError(
      'plan-impossible',
      'strategy weighted needs the bandwidth of each node, which is unknown',
      {
        hint: 'with equal weights it is interleave: use --strategy interleave, or write a map with weighted(…)',
        exitCode: 2,
      },
    );
  }
  if (strategy === 'layers' && blockCount === null) {
    throw new NumashardError(
      'plan-impossible',
      'strategy layers needs the number of layers, which is unknown',
      {
        hint: 'name the model file, or give --layers N',
        exitCode: 2,
      },
    );
  }
  return strategy;
}

function coresAllowed({ topology }: PlanRequest): number {
  const allowed = new Set(topology.limits.cpus);
  return Math.max(1, topology.cores.filter((core) => core.cpus.some((cpu) => allowed.has(cpu))).length);
}

function checkNumber(what: string, value: number | null, limit: number, reason: string): void {
  if (value === null || (Number.isInteger(value) && value >= 1 && value <= limit)) return;
  throw new NumashardError(
    'usage',
    `${what}: ${value} is not a whole number from 1 to ${limit} (${reason})`,
    {
      exitCode: 2,
    },
  );
}
