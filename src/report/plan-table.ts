// SPDX-License-Identifier: MIT
// The text of `numashard plan`: one line per strategy, the chosen one marked.
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
    ...renderPlanWarnings(plan),
  ].join('\n');
}

export function renderPlanWarnings({ warnings }: Pick<Plan, 'warnings'>): string[] {
  return warnings.map(({ code, message }) => `warning: ${message} [${code}]`);
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
