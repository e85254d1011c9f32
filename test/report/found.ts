// SPDX-License-Identifier: MIT
// Verifications to show.
import type { Verification, VerifiedTensor } from '../../src/verify/types.js';

export function foundTensor(fields: Partial<VerifiedTensor> = {}): VerifiedTensor {
  return {
    model: 0,
    name: 'blk.0.ffn_up.weight',
    role: 'ffn',
    buffer: 'CPU_Mapped',
    cut: 'rows',
    address: 4096,
    byteLength: 2 ** 20,
    misplacedBytes: 0,
    absentBytes: 0,
    unknownBytes: 0,
    nodes: { 0: 2 ** 19, 8: 2 ** 19 },
    rows: { byteLength: 2 ** 20, localBytes: 2 ** 20 },
    ...fields,
  };
}

export function found(fields: Partial<Verification> = {}): Verification {
  const { tensors = [foundTensor()] } = fields;
  return {
    pid: 4242,
    models: [{ id: 0, files: ['/models/m.gguf'] }],
    map: '*:rows',
    residency: 'private',
    method: 'move_pages',
    ggmlVersion: '0.27.0',
    threads: { asked: 2, seen: [2] },
    workers: [
      { index: 0, tid: 1, node: 0, cpus: [0], seen: 3, rows: { byteLength: 2 ** 19, localBytes: 2 ** 19 } },
      { index: 1, tid: 2, node: null, cpus: [], seen: 0, rows: { byteLength: 2 ** 19, localBytes: 2 ** 18 } },
    ],
    tensors,
    other: [],
    placedBytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
    misplacedBytes: 0,
    absentBytes: 0,
    unknownBytes: 0,
    localShareBound: 0.99996,
    rows: { byteLength: 2 ** 20, localBytes: 2 ** 20 },
    worstRows: {
      tensor: 'blk.0.ffn_up.weight',
      worker: 1,
      byteLength: 2 ** 19,
      localBytes: 2 ** 18,
      bound: 0.99,
    },
    balance: 1,
    movedPages: 0,
    seconds: 1,
    warnings: [],
    ...fields,
  };
}
