// SPDX-License-Identifier: MIT
// Exact figures for crafted reports and kernels: one matrix of 16 rows of 1,024 bytes is four pages.
import { describe, expect, it } from 'vitest';
import type { Model } from '../../src/model/types.js';
import type { PreloadReport } from '../../src/runtime/preload-report.js';
import { verifyProcess } from '../../src/verify/verify-process.js';
import { model } from '../plan/machines.js';
import { craftReport, craftTensor, fakeHelper, neverSeen, nodesOfEight } from './crafted.js';

const start = 0x10000;
const topology = nodesOfEight(2);

async function verify(report: PreloadReport, nodes: readonly number[], options = {}) {
  const helper = fakeHelper(
    start,
    nodes.map((node) => ({ node, pageCount: 1 })),
  );
  return verifyProcess({ report, topology, helper, samples: neverSeen, models: new Map(), ...options });
}

describe('a dense matrix under rows', () => {
  const report = craftReport({}, [0, 1]);

  it('is right and local where each half lies with its worker', async () => {
    const found = await verify(report, [0, 0, 1, 1], { listsPages: true });
    expect(found).toMatchObject({
      placedBytes: 16_384,
      misplacedBytes: 0,
      absentBytes: 0,
      unknownBytes: 0,
      localShareBound: 1,
      rows: { byteLength: 16_384, localBytes: 16_384 },
      balance: 1,
      workers: [
        { index: 0, node: 0, cpus: [0], rows: { byteLength: 8192, localBytes: 8192 } },
        { index: 1, node: 1, cpus: [8], rows: { byteLength: 8192, localBytes: 8192 } },
      ],
      worstRows: null,
      warnings: [{ code: 'worker-unseen' }],
    });
    expect(found.tensors[0]).toMatchObject({ role: 'attn', cut: 'rows', nodes: { 0: 8192, 1: 8192 } });
    expect(found.tensors[0]?.pages?.map(({ node }) => node)).toEqual([0, 0, 1, 1]);
  });

  it('is all wrong where the halves are exchanged', async () => {
    const found = await verify(report, [1, 1, 0, 0]);
    expect(found).toMatchObject({ misplacedBytes: 16_384, rows: { localBytes: 0 }, balance: 1 });
    expect(found.tensors[0]).not.toHaveProperty('pages');
  });

  it('counts pages that are not there or not known apart', async () => {
    const found = await verify(report, [0, -1, -2, 1]);
    expect(found).toMatchObject({ misplacedBytes: 0, absentBytes: 4096, unknownBytes: 4096 });
    expect(found.rows).toEqual({ byteLength: 16_384, localBytes: 8192 });
  });

  it('is right but not local where the workers ran elsewhere', async () => {
    const strayed = { ...report, workers: report.workers.map((worker) => ({ ...worker, cpus: [0] })) };
    expect(await verify(strayed, [0, 0, 1, 1])).toMatchObject({
      misplacedBytes: 0,
      rows: { byteLength: 16_384, localBytes: 8192 },
    });
  });

  it('has no local rows, and no remote ones, where no worker was seen', async () => {
    const found = await verify({ ...report, workers: [], threads: 'not reached' }, [0, 0, 1, 1]);
    expect(found).toMatchObject({ misplacedBytes: 0, rows: { byteLength: 0, localBytes: 0 } });
    expect(found.tensors[0]?.rows).toBeNull();
  });

  it('goes by the thread count for which the rows were cut, of several seen', async () => {
    const several = craftReport({ threads: { asked: 4, seen: [4, 2] }, placedWorkers: 2 }, [0, 1, 0, 1]);
    const workers = several.workers.map((worker) => ({ ...worker, threads: worker.index < 2 ? 2 : 4 }));
    expect((await verify({ ...several, workers }, [0, 0, 1, 1])).rows.localBytes).toBe(16_384);
    expect((await verify({ ...several, placedWorkers: 4 }, [0, 1, 0, 1])).rows.localBytes).toBe(16_384);
  });

  it('follows shares', async () => {
    const uneven = craftReport(
      {
        shares: [
          { node: 0, weight: 3 },
          { node: 1, weight: 1 },
        ],
      },
      [0, 0, 0, 1],
    );
    expect(await verify(uneven, [0, 0, 0, 1])).toMatchObject({
      misplacedBytes: 0,
      rows: { localBytes: 16_384 },
      balance: 1.5,
    });
  });
});

describe('cuts', () => {
  it('of a repacked matrix keep groups of rows together', async () => {
    // ⌈24/2⌉ = 12 rows, rounded up to 16: four pages of four rows, then two.
    const tensor = craftTensor({
      cut: 'rows-repacked',
      group: 8,
      shape: [1024, 24, 1, 1],
      buffer: 'CPU_REPACK',
    });
    const found = await verify(craftReport({ tensors: [tensor] }, [0, 1]), [0, 0, 0, 0, 1, 1]);
    expect(found).toMatchObject({ misplacedBytes: 0, rows: { byteLength: 24_576, localBytes: 24_576 } });
    expect(found.tensors[0]?.cut).toBe('rows-repacked');
  });

  it('of experts divide every expert', async () => {
    const tensor = craftTensor({ name: 'blk.0.ffn_up_exps.weight', shape: [1024, 8, 3, 1] });
    const found = await verify(craftReport({ tensors: [tensor] }, [0, 1]), [0, 1, 0, 1, 0, 1]);
    expect(found).toMatchObject({ misplacedBytes: 0, rows: { byteLength: 24_576, localBytes: 24_576 } });
    expect(found.tensors[0]).toMatchObject({ role: 'experts', cut: 'rows' });
  });

  it('of a norm have no owner', async () => {
    const tensor = craftTensor({ name: 'blk.0.attn_norm.weight', cut: 'none', shape: [16_384, 1, 1, 1] });
    const found = await verify(craftReport({ tensors: [tensor] }, [0, 1]), [0, 1, 0, 1]);
    expect(found).toMatchObject({ misplacedBytes: 0, rows: { byteLength: 0, localBytes: 0 } });
    expect(found.tensors[0]).toMatchObject({ cut: 'none', rows: null });
  });

  it('of a tied embedding come from the model: announced twice, both times it is the output matrix', async () => {
    const embedding = craftTensor({ name: 'token_embd.weight' });
    const repacked = {
      ...embedding,
      address: start + 16_384,
      cut: 'rows-repacked' as const,
      group: 8,
      buffer: 'CPU_REPACK',
    };
    const report = craftReport({ tensors: [embedding, repacked] }, [0, 1]);
    const tied = model(1, 34);
    const output = {
      ...(tied.tensors[0] as (typeof tied.tensors)[0]),
      name: 'token_embd.weight',
      role: 'output' as const,
    };
    const nodes = [0, 0, 1, 1, 0, 0, 1, 1];
    const found = await verify(report, nodes, { models: new Map([[0, { ...tied, tensors: [output] }]]) });
    expect(found.tensors.map(({ role, cut }) => `${role} ${cut}`)).toEqual([
      'output rows',
      'output rows-repacked',
    ]);
    expect(found).toMatchObject({ placedBytes: 32_768, misplacedBytes: 0, rows: { localBytes: 32_768 } });
    const untied = await verify(report, nodes);
    expect(untied.tensors.map(({ role, cut }) => `${role} ${cut}`)).toEqual(['embed none', 'embed none']);
  });
});

it('takes roles from the model that a tensor is of: names repeat', async () => {
  const [one] = model(1, 34).tensors;
  const renamed = { ...(one as NonNullable<typeof one>), name: 'token_embd.weight' };
  const tied = { ...model(1, 34), tensors: [{ ...renamed, role: 'output' as const }] };
  const looked = { ...model(1, 34), tensors: [{ ...renamed, role: 'embed' as const }] };
  const embedding = craftTensor({ name: 'token_embd.weight' });
  const second = { ...embedding, model: 7, address: start + 16_384 };
  const report = craftReport({ tensors: [second, embedding] }, [0, 1]);
  const models = new Map<number, Model>([
    [0, tied],
    [7, looked],
  ]);
  const found = await verify(report, [0, 0, 1, 1, 0, 1, 0, 1], { models });
  expect(found.tensors.map((tensor) => [tensor.model, tensor.role])).toEqual([
    [7, 'embed'],
    [0, 'output'],
  ]);
  expect(found).toMatchObject({ placedBytes: 32_768, misplacedBytes: 0 });
});

describe('bounds', () => {
  it('are what pages allow where a boundary lies inside one', async () => {
    // Halves of 6,144 bytes: the middle page of three belongs half to each.
    const tensor = craftTensor({ shape: [1024, 12, 1, 1] });
    const found = await verify(craftReport({ tensors: [tensor] }, [0, 1]), [0, 0, 1]);
    expect(found).toMatchObject({ misplacedBytes: 2048, localShareBound: 10_240 / 12_288 });
    expect(found.rows).toEqual({ byteLength: 12_288, localBytes: 10_240 });
  });
});

describe('what is not under the map', () => {
  const kv = { ...craftTensor({ name: 'kv', buffer: 'CPU', byteLength: 8192, address: start + 16_384 }) };
  const gpu = craftTensor({ name: 'output.weight', buffer: 'CUDA0', inHostMemory: false, address: null });

  it('is listed and not counted: KV, compute, other devices', async () => {
    const report = craftReport(
      { tensors: [craftTensor(), gpu], other: [kv, { ...gpu, name: 'kv' }] },
      [0, 1],
    );
    const found = await verify(report, [0, 0, 1, 1, 0, 1]);
    expect(found.placedBytes).toBe(16_384);
    expect(found.tensors).toHaveLength(1);
    expect(found.other).toEqual([
      {
        name: 'kv',
        buffer: 'CPU',
        address: start + 16_384,
        byteLength: 8192,
        inHostMemory: true,
        nodes: { 0: 4096, 1: 4096 },
      },
      {
        name: 'output.weight',
        buffer: 'CUDA0',
        address: null,
        byteLength: 16_384,
        inHostMemory: false,
        nodes: {},
      },
      { name: 'kv', buffer: 'CUDA0', address: null, byteLength: 16_384, inHostMemory: false, nodes: {} },
    ]);
  });

  it('are image encoders and adapters that no rule names', async () => {
    const report = craftReport({ tensors: [craftTensor({ name: 'v.blk.0.attn_q.weight' })] }, [0, 1]);
    const found = await verify(report, [1, 1, 1, 1]);
    expect(found).toMatchObject({ placedBytes: 0, misplacedBytes: 0, tensors: [] });
    expect(found.other).toMatchObject([{ name: 'v.blk.0.attn_q.weight', nodes: { 1: 16_384 } }]);
    const named = await verify({ ...report, map: 'name=v.*:node1,*:rows' }, [1, 1, 1, 1]);
    expect(named).toMatchObject({ placedBytes: 16_384, misplacedBytes: 0 });
  });
});

it('under observe nothing is misplaced, and who reads what is told all the same', async () => {
  const found = await verify(craftReport({ map: 'observe' }, [0, 1]), [1, 1, 1, 1]);
  expect(found).toMatchObject({
    misplacedBytes: 0,
    localShareBound: 1,
    rows: { byteLength: 16_384, localBytes: 8192 },
    balance: 1,
  });
});

it('a tensor without bytes is no trouble', async () => {
  const report = craftReport({ tensors: [craftTensor({ byteLength: 0 })] }, [0, 1]);
  expect(await verify(report, [0])).toMatchObject({ placedBytes: 0, localShareBound: 1 });
});
