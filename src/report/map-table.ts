// SPDX-License-Identifier: MIT
// The text of `numashard map explain`: what each rule takes, what each node gets, and how exact pages allow it.
import type { ExplainDocument, ExplainedTensor } from '../shardmap/explain.js';
import { mebibytes, percent, printable } from './text-table.js';

export function renderExplain(document: ExplainDocument): string {
  const { map, nodes, tensors, pageSize, warnings } = document;
  const total = nodes.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const busiest = Math.max(0, ...nodes.map(({ byteLength }) => byteLength));
  const used = nodes.filter(({ byteLength }) => byteLength > 0).length;
  const balance = total === 0 ? 1 : (busiest / total) * used;
  return [
    `map      ${printable(map)}`,
    `bound    ${percent(document.localShareBound, 1)} % local at best with pages of ${pageSize / 1024} KiB`,
    `balance  ${balance.toFixed(2)} (1 is even, over ${used} ${used === 1 ? 'node' : 'nodes'})`,
    '',
    ...ruleTable(tensors, total),
    '',
    `node ${'MiB'.padStart(12)} ${'%'.padStart(6)}`,
    ...nodes.map(
      ({ id, byteLength }) =>
        `${`${id}`.padEnd(4)} ${mebibytes(byteLength).padStart(12)} ${percent(byteLength, total).padStart(6)}`,
    ),
    ...(warnings.length > 0 ? [''] : []),
    ...warnings.map(({ code, message }) => `warning: ${printable(message)} [${code}]`),
  ].join('\n');
}

/** One line a rule, in the order in which the rules first take a tensor. */
function ruleTable(tensors: readonly ExplainedTensor[], total: number): string[] {
  const groups = new Map<string, { count: number; byteLength: number }>();
  for (const { rule, byteLength } of tensors) {
    const key = printable(rule ?? '(round robin by layer)');
    const group = groups.get(key) ?? { count: 0, byteLength: 0 };
    groups.set(key, { count: group.count + 1, byteLength: group.byteLength + byteLength });
  }
  const width = Math.min(60, Math.max(4, ...[...groups.keys()].map((key) => key.length)));
  const line = (key: string, count: string, bytes: string, share: string) =>
    `${key.padEnd(width)} ${count.padStart(8)} ${bytes.padStart(12)} ${share.padStart(6)}`;
  return [
    line('rule', 'tensors', 'MiB', '%'),
    ...[...groups].map(([key, { count, byteLength }]) =>
      line(key, `${count}`, mebibytes(byteLength), percent(byteLength, total)),
    ),
  ];
}
