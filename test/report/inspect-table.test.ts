// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import type { Model } from '../../src/model/types.js';
import { renderInspect } from '../../src/report/inspect-table.js';

const MIB = 2 ** 20;

const model: Model = {
  architecture: 'llama',
  blockCount: 1,
  byteLength: 8 * MIB,
  files: [{ path: 'model.gguf', byteLength: 8.5 * MIB }],
  tensors: [
    { name: 'blk.0.attn_q.weight', layer: 0, role: 'attn', type: 'q8_0', byteLength: 2 * MIB },
    { name: 'blk.0.ffn_up.weight', layer: 0, role: 'ffn', type: 'q8_0', byteLength: 3 * MIB },
    { name: 'blk.0.ffn_down.weight', layer: 0, role: 'ffn', type: 'q6_K', byteLength: 3 * MIB },
  ].map(
    (tensor) => ({ ...tensor, shape: [1], file: 'model.gguf', fileOffset: 0 }) as Model['tensors'][number],
  ),
};

it('shows where the bytes are, the largest first', () => {
  expect(renderInspect(model)).toBe(
    [
      'llama, 1 block, 3 tensors, 8.00 MiB',
      'model.gguf (8.50 MiB)',
      '',
      'role      tensors          MiB      %',
      'ffn             2         6.00   75.0',
      'attn            1         2.00   25.0',
      '',
      'type      tensors          MiB      %',
      'q8_0            2         5.00   62.5',
      'q6_K            1         3.00   37.5',
    ].join('\n'),
  );
});

it('shows a file without tensors', () => {
  expect(renderInspect({ ...model, blockCount: 0, byteLength: 0, tensors: [] })).toBe(
    'llama, 0 blocks, 0 tensors, 0.00 MiB\nmodel.gguf (8.50 MiB)',
  );
});

it('lets no text from the file move the cursor', () => {
  const text = renderInspect({ ...model, architecture: 'x\x1b[2J\u202e\n' });
  expect(text.split('\n')[0]).toBe('x\\u{1b}[2J\\u{202e}\\u{a}, 1 block, 3 tensors, 8.00 MiB');
});
