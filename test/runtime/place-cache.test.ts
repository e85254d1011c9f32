// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import type { PageHelper, Stretch } from '../../src/runtime/page-helper.js';
import { placeCache } from '../../src/runtime/place-cache.js';
import { parseShardMap } from '../../src/shardmap/parse.js';
import { resolveShardMap } from '../../src/shardmap/resolve.js';
import { tinyModel } from '../shardmap/tiny-model.js';

const pageSize = 512;
const machine = { nodes: [0, 1], usableNodes: [0, 1] };

it('hands whole pages to the helper, file by file, and adds up what it did', async () => {
  const one = tinyModel();
  const model = {
    ...one,
    files: [...one.files, { path: 'second.gguf', byteLength: 4096 }],
    tensors: [
      ...one.tensors,
      { ...(one.tensors[0] as (typeof one.tensors)[0]), file: 'second.gguf', fileOffset: 0 },
    ],
  };
  const asked = new Map<string, (Stretch & { node: number })[]>();
  const helper = {
    placeFile: async (path, stretches, onProgress) => {
      asked.set(path, [...stretches]);
      onProgress?.(pageSize);
      return { readPages: 1, movedPages: 2, droppedPages: 3, misplacedPages: 4 };
    },
  } as PageHelper;
  const map = parseShardMap('*:interleave(all)', machine);
  const resolution = resolveShardMap(map, model, { ...machine, pageSize });
  const progress: number[] = [];
  const placed = await placeCache({ model, resolution, helper, onProgress: (done) => progress.push(done) });
  expect(placed).toEqual({ readPages: 2, movedPages: 4, droppedPages: 6, misplacedPages: 8 });
  const first = asked.get('tiny.gguf') ?? [];
  expect(asked.get('second.gguf')).toEqual(
    [0, 1, 0, 1].map((node, page) => ({ start: page * 512, byteLength: 512, node })),
  );
  let end = 0;
  for (const { start, byteLength } of first) {
    expect(start).toBe(end);
    end = start + byteLength;
    expect(byteLength % pageSize).toBe(0);
  }
  expect(end).toBe(Math.ceil((one.files[0]?.byteLength ?? 0) / pageSize) * pageSize);
  expect(progress).toEqual([pageSize, end + pageSize]);
});
