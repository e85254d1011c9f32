// SPDX-License-Identifier: MIT
// The text of `numashard plan`: one line per strategy, the chosen one marked; and the environment as exports.
import type { Plan, StrategyPlan } from '../plan/types.js';
import { type Column, formatBytes, renderTable } from './text-table.js';

const columns: Column[] = [
  { title: '', align: 'left' },
  { title: 'strategy', align: 'left' },
  { title: 'fits', align: 'left' },
  { title: 'memory per node', align: 'left' },
  { title: 'threads', align: 'left' },
  { title: 'map', align: 'left' },
];

export function renderPlan(plan: Plan): string {
  const rows = plan.strategies.map((strategy) => [
    strategy.name === plan.chosen ? '→' : '',
    strategy.name,
    fitting(strategy),
    perNode(strategy.memory, formatBytes) || '–',
    perNode(strategy.threads, String) || '–',
    strategy.map ?? '–',
  ]);
  return [
    renderTable(columns, rows),
    `chosen: ${plan.chosen} with ${plan.threads} ${plan.threads === 1 ? 'thread' : 'threads'}`,
    ...plan.warnings.map(({ code, message }) => `warning: ${message} [${code}]`),
  ].join('\n');
}

function fitting({ fits, missingBytes }: StrategyPlan): string {
  if (fits === null) return '?';
  return fits ? 'yes' : `${formatBytes(missingBytes)} short`;
}

function perNode(figures: Readonly<Record<string, number>>, format: (figure: number) => string): string {
  return Object.entries(figures)
    .map(([node, figure]) => `${node}: ${format(figure)}`)
    .join(', ');
}

/** Lines for a shell to evaluate, or for an environment file as systemd and container tools read them. */
export function renderExports(
  plan: Pick<Plan, 'environment' | 'threads'>,
  format: 'shell' | 'env' = 'shell',
): string {
  const lines = Object.entries(plan.environment).map(([name, value]) =>
    format === 'env' ? `${name}=${value}` : `export ${name}='${value.replaceAll("'", `'\\''`)}'`,
  );
  return [`# run llama.cpp with -t ${plan.threads}`, ...lines].join('\n');
}
