// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { parseShardMap } from '../../src/shardmap/parse.js';
import { resolveShardMap } from '../../src/shardmap/resolve.js';
import { verifyCache } from '../../src/verify/verify-cache.js';
import { model } from '../plan/machines.js';
import { fakeHelper, pageSize } from './crafted.js';

const oneTensor = (() => {
  const small = model(1, 16_384);
  const tensors = small.tensors.map((tensor) => ({
    ...tensor,
    shape: [1024, 16],
    type: 'i8',
    fileOffset: 8192,
  }));
  return { ...small, tensors };
})();

function resolve(map: string) {
  const machine = { nodes: [0, 1], usableNodes: [0, 1] };
  return resolveShardMap(parseShardMap(map, machine), oneTensor, { ...machine, pageSize, workers: 4 });
}

const helper = fakeHelper(0, [
  { node: 1, pageCount: 2 },
  { node: 0, pageCount: 1 },
  { node: 1, pageCount: 1 },
  { node: 0, pageCount: 1 },
  { node: -1, pageCount: 1 },
]);

describe('verifyCache', () => {
  it('holds the cached pages of each tensor against the map', async () => {
    const found = await verifyCache(resolve('*:cyclic(4)'), '*:cyclic(4)', helper, true);
    expect(found).toMatchObject({
      pid: null,
      residency: 'page-cache',
      placedBytes: 16_384,
      misplacedBytes: 0,
      absentBytes: 4096,
      localShareBound: 1,
      balance: (8192 / 12_288) * 2,
      models: [{ id: 0, files: ['model.gguf'] }],
    });
    expect(found.tensors[0]?.pages?.map(({ node }) => node)).toEqual([0, 1, 0, -1]);
  });

  it('finds misplaced what the map wants elsewhere', async () => {
    expect((await verifyCache(resolve('*:node1'), '*:node1', helper)).misplacedBytes).toBe(8192);
  });

  it('under observe nothing is misplaced', async () => {
    const found = await verifyCache(resolve('observe'), 'observe', helper);
    expect(found).toMatchObject({ misplacedBytes: 0, absentBytes: 4096, localShareBound: 1 });
  });
});
