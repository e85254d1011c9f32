// SPDX-License-Identifier: MIT
// What verify found, as a terminal shows it: tensor by tensor or role by role, then the totals.
import { isObserve } from '../shardmap/parse.js';
import { addNodes, addRows, addUp, formatShare, rightBytes } from '../verify/totals.js';
import type {
  BytesByNode,
  Verification,
  VerifiedBuffer,
  VerifiedTensor,
  VerifiedWorker,
} from '../verify/types.js';
import { count, formatBytes, renderTable } from './text-table.js';

export function renderTensors(tensors: readonly VerifiedTensor[]): string {
  return renderRows(
    'tensor',
    tensors.map((tensor) => ({ ...tensor, label: tensor.name })),
  );
}

function renderRoles(tensors: readonly VerifiedTensor[]): string {
  const roles = [...new Set(tensors.map(({ role }) => role))];
  return renderRows(
    'role',
    roles.map((role) =>
      sumUp(
        role,
        tensors.filter((tensor) => tensor.role === role),
      ),
    ),
  );
}

/** KV, compute and what lies on other devices. */
function renderBuffers(buffers: readonly VerifiedBuffer[]): string {
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
  const workers = found.workers.map(describeWorker).join(' ');
  return [
    table,
    ...(found.other.length > 0 ? ['', renderBuffers(found.other)] : []),
    '',
    summarize(found),
    ...describeModels(found),
    `workers → nodes, their rows local: ${workers || 'none seen'}`,
    ...describeWorst(found.worstRows),
    ...found.warnings.map(({ code, message }) => `warning: ${message} (${code})`),
  ].join('\n');
}

/** `3→1 99.97 %`: the worker, where it ran, and the share of its rows that lie there. */
export function describeWorker({ index, node, rows }: VerifiedWorker): string {
  const local = rows.byteLength > 0 ? ` ${formatShare(rows.localBytes, rows.byteLength)}` : '';
  return `${index}→${node ?? '?'}${local}`;
}

function describeWorst(worst: Verification['worstRows']): string[] {
  if (worst === null) return [];
  const { tensor, worker, byteLength, localBytes } = worst;
  return [`worst: ${formatShare(localBytes, byteLength)} of worker ${worker}'s rows of ${tensor} local`];
}

/** One line: how many of the bytes lie where the map says, and how many rows where their worker ran. */
function summarize(found: Verification): string {
  const { placedBytes, rows, map, localShareBound, balance } = found;
  const size = `${formatBytes(placedBytes)} in ${count(found.tensors.length, 'tensor')}`;
  const local = `${formatShare(rows.localBytes, rows.byteLength)} of all rows on the node of their worker`;
  const even = `balance ${balance.toFixed(2)}`;
  if (isObserve(map)) return `${size}: ${local}, ${even} (observed, nothing changed)`;
  const right = formatShare(rightBytes(found), placedBytes);
  return `${size}: ${right} where ${map} puts them (bound ${formatShare(localShareBound, 1)}), ${local}, ${even}`;
}

/** Where a process holds several, a line for each: its files, and how much of it lies where the map says. */
function describeModels({ models, tensors, map }: Verification): string[] {
  if (models.length < 2) return [];
  return models.map(({ id, files }) => {
    const sums = addUp(tensors.filter(({ model }) => model === id));
    const right = isObserve(map) ? '' : `, ${formatShare(rightBytes(sums), sums.placedBytes)} right`;
    return `model ${id}: ${files.join(', ') || 'file unknown'}: ${formatBytes(sums.placedBytes)}${right}`;
  });
}

type Row = { readonly label: string } & Pick<
  VerifiedTensor,
  'byteLength' | 'nodes' | 'misplacedBytes' | 'absentBytes' | 'unknownBytes' | 'rows'
>;

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

/** Ids of the nodes that hold any of it, ascending. */
export function nodesIn(parts: readonly { readonly nodes: BytesByNode }[]): string[] {
  return [...new Set(parts.flatMap(({ nodes }) => Object.keys(nodes)))].sort((a, b) => Number(a) - Number(b));
}

function sumUp(label: string, tensors: readonly VerifiedTensor[]): Row {
  const { placedBytes: byteLength, ...counts } = addUp(tensors);
  const rows = addRows(tensors);
  return { label, byteLength, ...counts, nodes: addNodes(tensors), rows: rows.byteLength > 0 ? rows : null };
}
