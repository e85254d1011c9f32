// SPDX-License-Identifier: MIT
// The before/after comparison as data and as a terminal table: the same model run in several ways, and where
// the kernel says its weights are under each.
import type { Verification } from '../verify/types.js';
import { renderTable } from './text-table.js';
import { formatShare } from './verify-table.js';

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
    runs.map(({ name, found }) => [
      name,
      formatShare(found.rows.localBytes, found.rows.byteLength),
      ...nodes.map((node) => formatShare(bytesOn(found, node), found.placedBytes)),
      found.balance.toFixed(2),
    ]),
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
  return [`${name}: ${command}`, indent(renderTable(columns, rows)), ''];
}

export interface RoleGroup {
  readonly role: string;
  readonly byteLength: number;
  readonly onNode: Readonly<Record<string, number>>;
  readonly rows: { readonly byteLength: number; readonly localBytes: number };
}

export function groupByRole(found: Verification): RoleGroup[] {
  const byRole = new Map<
    string,
    { byteLength: number; onNode: Record<string, number>; owned: [number, number] }
  >();
  const sizes = new Map<string, number>();
  for (const { role, byteLength } of found.tensors) sizes.set(role, (sizes.get(role) ?? 0) + byteLength);
  for (const { role, byteLength, nodes, rows } of found.tensors) {
    const name = (sizes.get(role) ?? 0) < smallRole * found.placedBytes ? 'other' : role;
    const group = byRole.get(name) ?? { byteLength: 0, onNode: {}, owned: [0, 0] };
    group.byteLength += byteLength;
    for (const [node, bytes] of Object.entries(nodes)) group.onNode[node] = (group.onNode[node] ?? 0) + bytes;
    group.owned[0] += rows?.byteLength ?? 0;
    group.owned[1] += rows?.localBytes ?? 0;
    byRole.set(name, group);
  }
  return [...byRole]
    .map(([role, { byteLength, onNode, owned }]) => ({
      role,
      byteLength,
      onNode,
      rows: { byteLength: owned[0], localBytes: owned[1] },
    }))
    .sort((a, b) => b.byteLength - a.byteLength);
}

export function nodesOf(runs: readonly ComparedRun[]): string[] {
  const ids = runs.flatMap(({ found }) => found.tensors.flatMap(({ nodes }) => Object.keys(nodes)));
  return [...new Set(ids)].sort((a, b) => Number(a) - Number(b));
}

export function bytesOn(found: Verification, node: string): number {
  return found.tensors.reduce((sum, { nodes }) => sum + (nodes[node] ?? 0), 0);
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
