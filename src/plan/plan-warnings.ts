// SPDX-License-Identifier: MIT
// What a user should know about the chosen strategy, one line each.
import { formatCpuList } from '../topology/cpu-list.js';
import type { PlanRequest, PlanWarning, StrategyPlan } from './types.js';
import { nodesWithoutMemory, type UsableNode } from './usable-nodes.js';

export function findPlanWarnings(
  request: PlanRequest,
  nodes: readonly UsableNode[],
  plan: StrategyPlan,
  strategies: readonly StrategyPlan[],
): PlanWarning[] {
  const leftOut = plan.map === null ? [] : nodesWithoutMemory(request.topology);
  return [
    ...(leftOut.length === 0
      ? []
      : [
          warning(
            'node-left-out',
            `nodes ${formatCpuList(leftOut)} have CPUs but no memory we may use: no threads there`,
          ),
        ]),
    ...threadWarnings(nodes, plan),
    ...(request.threads === null ? idleWarnings(nodes, plan) : []),
    ...promptWarnings(request, plan),
    ...memoryWarnings(nodes, plan, strategies),
  ];
}

function threadWarnings(nodes: readonly UsableNode[], plan: StrategyPlan): PlanWarning[] {
  const used = nodes.filter((node) => plan.threads[node.id] !== undefined);
  const counts = used.map((node) => plan.threads[node.id] ?? 0);
  if (counts.length === 0) return [];
  const warnings: PlanWarning[] = [];
  const listed = used.map((node, index) => `node ${node.id}: ${counts[index]}`).join(', ');
  if (new Set(counts).size > 1) {
    warnings.push(
      warning('threads-uneven', `threads do not divide evenly (${listed}): rows are shared in that ratio`),
    );
  }
  const overCpus = used.filter((node, index) => (counts[index] ?? 0) > node.cpuCount);
  const overCores = used.filter((node, index) => (counts[index] ?? 0) > node.coreCount);
  if (overCpus.length > 0) {
    warnings.push(warning('threads-exceed-cpus', `more threads than CPUs (${listed}): they take turns`));
  } else if (overCores.length > 0) {
    warnings.push(
      warning('threads-exceed-cores', `more threads than physical cores (${listed}): some share a core`),
    );
  }
  return warnings;
}

/** Of a default number of threads only: who gives a number has chosen. */
function idleWarnings(nodes: readonly UsableNode[], plan: StrategyPlan): PlanWarning[] {
  const used = nodes.filter((node) => plan.threads[node.id] !== undefined);
  const idle = used.reduce(
    (sum, node) => sum + Math.max(0, node.coreCount - (plan.threads[node.id] ?? 0)),
    0,
  );
  if (idle === 0) return [];
  return [
    warning('cores-unused', `nodes have unequal numbers of cores: ${idle} stay idle to keep rows balanced`),
  ];
}

/** Shares are fixed by the generation threads; other counts fit only if every node's share is a whole number. */
function promptWarnings({ promptThreads }: PlanRequest, plan: StrategyPlan): PlanWarning[] {
  const counts = Object.values(plan.threads);
  const all = counts.reduce((sum, count) => sum + count, 0);
  if (!promptThreads || plan.name !== 'rows' || counts.every((count) => (promptThreads * count) % all === 0))
    return [];
  const message = `${promptThreads} prompt threads cut rows elsewhere than ${all}: part of the prompt's reads are remote`;
  return [warning('prompt-threads-uneven', message)];
}

function memoryWarnings(
  nodes: readonly UsableNode[],
  plan: StrategyPlan,
  strategies: readonly StrategyPlan[],
): PlanWarning[] {
  if (plan.fits !== false) return [];
  const short = nodes
    .map((node) => ({ id: node.id, missing: (plan.memory[node.id] ?? 0) - (node.availableBytes ?? 0) }))
    .filter(({ missing }) => missing > 0)
    .map(({ id, missing }) => `${missing} bytes on node ${id}`);
  const where = short.length > 0 ? short.join(', ') : `${plan.missingBytes} bytes`;
  const others = strategies
    .filter((other) => other.fits && other.name !== plan.name)
    .map((other) => other.name);
  const hint = others.length > 0 ? `; what fits: ${others.join(', ')}` : '; no strategy fits';
  return [warning('does-not-fit', `${plan.name} lacks free memory: ${where}${hint}`)];
}

function warning(code: PlanWarning['code'], message: string): PlanWarning {
  return { code, message };
}
