// SPDX-License-Identifier: MIT
// What verify found, as a terminal shows it: tensor by tensor or role by role, then the totals.
import type { Verification, VerifiedBuffer, VerifiedTensor } from '../verify/types.js';
import { count, formatBytes, renderTable } from './text-table.js';

type Totals = Pick<
  Verification,
  'placedBytes' | 'misplacedBytes' | 'absentBytes' | 'unknownBytes' | 'localShareBound'
>;

/** `99.97 %`; never rounded up to 100. */
export function formatShare(part: number, whole: number): string {
  if (whole === 0) return '–';
  const hundredths = Math.floor((part / whole) * 10_000 + 1e-9);
  return `${(hundredths / 100).toFixed(2)} %`;
}

/** Bytes that lie where the map says, page rounding not excused. */
export function rightBytes({ placedBytes, misplacedBytes, absentBytes, unknownBytes }: Totals): number {
  return placedBytes - misplacedBytes - absentBytes - unknownBytes;
}

export function renderTensors(tensors: readonly VerifiedTensor[]): string {
  return renderRows(
    'tensor',
    tensors.map((tensor) => ({ ...tensor, label: tensor.name })),
  );
}

export function renderRoles(tensors: readonly VerifiedTensor[]): string {
  const roles = [...new Set(tensors.map(({ role }) => role))];
  return renderRows(
    'role',
    roles.map((role) =>
      addUp(
        role,
        tensors.filter((tensor) => tensor.role === role),
      ),
    ),
  );
}

/** KV, compute and what lies on other devices. */
export function renderBuffers(buffers: readonly VerifiedBuffer[]): string {
  const nodes = nodesIn(buffers);
  const columns = ['buffer', 'kind', 'size', ...nodes.map((node) => `node ${node}`)].map((title, index) => ({
    title,
    align: index < 2 ? ('left' as const) : ('right' as const),
  }));
  const rows = buffers.map(({ name, buffer, byteLength, inHostMemory, nodes: found }) => [
    name,
    inHostMemory ? buffer : `${buffer} (not in host memory)`,
    formatBytes(byteLength),
    ...nodes.map((node) => formatShare(found[node] ?? 0, byteLength)),
  ]);
  return renderTable(columns, rows);
}

export function renderVerification(found: Verification, detail: 'tensors' | 'roles'): string {
  const table = detail === 'tensors' ? renderTensors(found.tensors) : renderRoles(found.tensors);
  const workers = found.workers.map(({ index, node }) => `${index}→${node ?? '?'}`).join(' ');
  return [
    table,
    ...(found.other.length > 0 ? ['', renderBuffers(found.other)] : []),
    '',
    summarizeVerification(found),
    `workers → nodes: ${workers || 'none seen'}`,
    ...found.warnings.map(({ code, message }) => `warning: ${message} (${code})`),
  ].join('\n');
}

/** One line: how many of the bytes lie where the map says, and how many rows where their worker ran. */
export function summarizeVerification(found: Verification): string {
  const { placedBytes, rows, map, localShareBound, balance } = found;
  const size = `${formatBytes(placedBytes)} in ${count(found.tensors.length, 'tensor')}`;
  const local = `${formatShare(rows.localBytes, rows.byteLength)} of all rows on the node of their worker`;
  const even = `balance ${balance.toFixed(2)}`;
  if (map === 'observe') return `${size}: ${local}, ${even} (observed, nothing changed)`;
  const right = formatShare(rightBytes(found), placedBytes);
  return `${size}: ${right} where ${map} puts them (bound ${formatShare(localShareBound, 1)}), ${local}, ${even}`;
}

interface Row {
  readonly label: string;
  readonly byteLength: number;
  readonly nodes: Readonly<Record<string, number>>;
  readonly misplacedBytes: number;
  readonly absentBytes: number;
  readonly unknownBytes: number;
  readonly rows: { readonly byteLength: number; readonly localBytes: number } | null;
}

function renderRows(title: string, rows: readonly Row[]): string {
  const nodes = nodesIn(rows);
  const titles = [title, 'size', ...nodes.map((node) => `node ${node}`), 'misplaced', 'unseen', 'rows local'];
  const columns = titles.map((text, index) => ({
    title: text,
    align: index === 0 ? ('left' as const) : ('right' as const),
  }));
  return renderTable(
    columns,
    rows.map((row) => [
      row.label,
      formatBytes(row.byteLength),
      ...nodes.map((node) => formatShare(row.nodes[node] ?? 0, row.byteLength)),
      formatBytes(row.misplacedBytes),
      formatBytes(row.absentBytes + row.unknownBytes),
      row.rows ? formatShare(row.rows.localBytes, row.rows.byteLength) : '–',
    ]),
  );
}

function nodesIn(rows: readonly { readonly nodes: Readonly<Record<string, number>> }[]): string[] {
  return [...new Set(rows.flatMap(({ nodes }) => Object.keys(nodes)))].sort((a, b) => Number(a) - Number(b));
}

function addUp(label: string, tensors: readonly VerifiedTensor[]): Row {
  const sum = (pick: (tensor: VerifiedTensor) => number): number =>
    tensors.reduce((total, tensor) => total + pick(tensor), 0);
  const nodes: Record<string, number> = {};
  for (const tensor of tensors)
    for (const [node, bytes] of Object.entries(tensor.nodes)) nodes[node] = (nodes[node] ?? 0) + bytes;
  const owned = sum(({ rows }) => rows?.byteLength ?? 0);
  return {
    label,
    byteLength: sum(({ byteLength }) => byteLength),
    nodes,
    misplacedBytes: sum(({ misplacedBytes }) => misplacedBytes),
    absentBytes: sum(({ absentBytes }) => absentBytes),
    unknownBytes: sum(({ unknownBytes }) => unknownBytes),
    rows: owned > 0 ? { byteLength: owned, localBytes: sum(({ rows }) => rows?.localBytes ?? 0) } : null,
  };
}
