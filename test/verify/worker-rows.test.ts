// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { addWorker, findWorstRows, type OwnedTensor } from '../../src/verify/worker-rows.js';

const page = 4096;

function owned(name: string, locals: readonly number[], fields: Partial<OwnedTensor> = {}): OwnedTensor {
  const workers = locals.map((localBytes) => ({ byteLength: 1_000_000, localBytes }));
  return { name, byteLength: 1_000_000 * locals.length, stretches: 1, workers, ...fields };
}

it('addWorker sums over tensors, and over those that a worker has no part of', () => {
  const tensors = [owned('a', [1, 2]), owned('b', [10])];
  expect(addWorker(tensors, 0)).toEqual({ byteLength: 2_000_000, localBytes: 11 });
  expect(addWorker(tensors, 1)).toEqual({ byteLength: 1_000_000, localBytes: 2 });
  expect(addWorker(tensors, 2)).toEqual({ byteLength: 0, localBytes: 0 });
});

describe('findWorstRows', () => {
  it('is the lowest share of one worker in one tensor', () => {
    const tensors = [owned('a', [1_000_000, 990_400]), owned('b', [995_000, 999_000])];
    expect(findWorstRows(tensors, page)).toEqual({
      tensor: 'a',
      worker: 1,
      byteLength: 1_000_000,
      localBytes: 990_400,
      bound: 1 - page / 1_000_000,
    });
  });

  it('passes over small tensors and workers without rows', () => {
    const idle = [{ byteLength: 0, localBytes: 0 }];
    expect(findWorstRows([owned('a', [0], { byteLength: 65_535 })], page)).toBeNull();
    expect(findWorstRows([owned('a', [], { byteLength: 65_536, workers: idle })], page)).toBeNull();
  });

  it('is not hidden by a lower one that pages explain', () => {
    const experts = owned('experts', [480_000], { stretches: 128 });
    expect(findWorstRows([experts, owned('a', [970_000])], page)).toMatchObject({ tensor: 'a' });
    expect(findWorstRows([experts, owned('a', [985_000])], page)).toMatchObject({ tensor: 'experts' });
  });
});
