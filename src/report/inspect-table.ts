// SPDX-License-Identifier: MIT
// The text of `numashard inspect`: what the model is, and where its bytes are by role and by type.
import type { Model, ModelTensor } from '../model/types.js';
import { count, mebibytes, percent, printable } from './text-table.js';

export function renderInspect(model: Model): string {
  const { architecture, blockCount, tensors, files, byteLength } = model;
  const lines = [
    `${printable(architecture)}, ${count(blockCount, 'block')}, ${count(tensors.length, 'tensor')}, ${mebibytes(byteLength)} MiB`,
    ...files.map((file) => `${printable(file.path)} (${mebibytes(file.byteLength)} MiB)`),
  ];
  if (tensors.length === 0) return lines.join('\n');
  return [
    ...lines,
    '',
    ...table('role', tensors, ({ role }) => role, byteLength),
    '',
    ...table('type', tensors, ({ type }) => type, byteLength),
  ].join('\n');
}

function table(
  title: string,
  tensors: readonly ModelTensor[],
  keyOf: (tensor: ModelTensor) => string,
  byteLength: number,
): string[] {
  const groups = new Map<string, { tensors: number; bytes: number }>();
  for (const tensor of tensors) {
    const key = keyOf(tensor);
    const group = groups.get(key) ?? { tensors: 0, bytes: 0 };
    groups.set(key, { tensors: group.tensors + 1, bytes: group.bytes + tensor.byteLength });
  }
  const rows = [...groups]
    .sort(([, a], [, b]) => b.bytes - a.bytes)
    .map(([key, group]) =>
      row(key, `${group.tensors}`, mebibytes(group.bytes), percent(group.bytes, byteLength)),
    );
  return [row(title, 'tensors', 'MiB', '%'), ...rows];
}

function row(key: string, tensors: string, bytes: string, share: string): string {
  return `${key.padEnd(8)} ${tensors.padStart(8)} ${bytes.padStart(12)} ${share.padStart(6)}`;
}
