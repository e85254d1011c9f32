// SPDX-License-Identifier: MIT
// The before/after comparison as data and as a terminal table: the same model run in several ways, and where
// the kernel says its weights are under each.
import { addNodes, addRows, addUp, formatShare } from '../verify/totals.js';
import type { Verification, VerifiedTensor } from '../verify/types.js';
import { renderTable } from './text-table.js';
import { describeWorker, nodesIn } from './verify-table.js';

export interface ComparedRun {
  readonly name: string;
  /** As a user would type it. */
  readonly command: string;
  readonly seconds: number;
  readonly found: Verification;
}

export interface Comparison {
  /** What ran where: model, machine, versions. */
  readonly title: string;
  readonly subtitle: string;
  readonly runs: readonly ComparedRun[];
}

/** Roles worth a row of their own; small ones are added up as `other`. */
const smallRole = 0.02;

export function localShare({ rows }: Verification): number {
  return rows.byteLength === 0 ? 0 : rows.localBytes / rows.byteLength;
}

export function renderComparison({ title, subtitle, runs }: Comparison): string {
  const nodes = nodesOf(runs);
  const columns = ['', 'rows read locally', ...nodes.map((node) => `node ${node}`), 'balance'].map(
    (text, index) => ({ title: text, align: index === 0 ? ('left' as const) : ('right' as const) }),
  );
  const table = renderTable(
    columns,
    runs.map(({ name, found }) => {
      const onNode = addNodes(found.tensors);
      return [
        name,
        formatShare(found.rows.localBytes, found.rows.byteLength),
        ...nodes.map((node) => formatShare(onNode[node] ?? 0, found.placedBytes)),
        found.balance.toFixed(2),
      ];
    }),
  );
  return [title, subtitle, '', table, '', ...runs.flatMap((run) => renderByRole(run, nodes))].join('\n');
}

function renderByRole({ name, command, found }: ComparedRun, nodes: readonly string[]): string[] {
  const columns = ['role', ...nodes.map((node) => `node ${node}`), 'rows read locally'].map(
    (text, index) => ({
      title: text,
      align: index === 0 ? ('left' as const) : ('right' as const),
    }),
  );
  const rows = groupByRole(found).map(({ role, byteLength, onNode, rows: owned }) => [
    role,
    ...nodes.map((node) => formatShare(onNode[node] ?? 0, byteLength)),
    formatShare(owned.localBytes, owned.byteLength),
  ]);
  const workers = found.workers.map(describeWorker).join('  ');
  return [
    `${name}: ${command}`,
    ...(workers ? [indent(`each worker's rows local to it (worker→node): ${workers}`)] : []),
    indent(renderTable(columns, rows)),
    '',
  ];
}

export interface RoleGroup {
  readonly role: string;
  readonly byteLength: number;
  readonly onNode: Readonly<Record<string, number>>;
  readonly rows: { readonly byteLength: number; readonly localBytes: number };
}

/** Largest first. */
export function groupByRole({ tensors, placedBytes }: Verification): RoleGroup[] {
  const roles = new Set(tensors.map(({ role }) => role));
  const byName = new Map<string, VerifiedTensor[]>();
  for (const role of roles) {
    const ofRole = tensors.filter((tensor) => tensor.role === role);
    const name = addUp(ofRole).placedBytes < smallRole * placedBytes ? 'other' : role;
    byName.set(name, [...(byName.get(name) ?? []), ...ofRole]);
  }
  return [...byName]
    .map(([role, group]) => ({
      role,
      byteLength: addUp(group).placedBytes,
      onNode: addNodes(group),
      rows: addRows(group),
    }))
    .sort((a, b) => b.byteLength - a.byteLength);
}

export function nodesOf(runs: readonly ComparedRun[]): string[] {
  return nodesIn(runs.flatMap(({ found }) => found.tensors));
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
