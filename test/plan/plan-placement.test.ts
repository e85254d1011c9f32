// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planDocument } from '../../src/plan/plan-document.js';
import { planPlacement } from '../../src/plan/plan-placement.js';
import type { Plan, PlanRequest, StrategyName, StrategyPlan } from '../../src/plan/types.js';
import { readTopology } from '../../src/topology/read-topology.js';
import { fixtureFiles, textRoot } from '../topology/text-root.js';
import { GiB, machine, model } from './machines.js';

const four = machine([{}, {}, {}, {}]);

function plan(request: Partial<PlanRequest>): Plan {
  return planPlacement({
    model: null,
    topology: four,
    threads: null,
    strategy: null,
    promptThreads: null,
    ...request,
  });
}

function codes({ warnings }: Plan): string[] {
  return warnings.map(({ code }) => code);
}

function mapOf({ environment: { GGML_NUMA_SHARD_MAP: map } }: Plan): string | undefined {
  return map;
}

function sharesOf({ environment: { GGML_NUMA_SHARD_THREADS: shares } }: Plan): string | undefined {
  return shares;
}

function strategyOf({ strategies }: Plan, name: StrategyName): StrategyPlan {
  const found = strategies.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no ${name} among ${strategies.map((other) => other.name)}`);
  return found;
}

describe('what cannot be planned', () => {
  it.each([0, -1, 1.5, Number.NaN, 513])('%s threads', (threads) => {
    expect(() => plan({ threads })).toThrow(`threads: ${threads} is not a whole number from 1 to 512`);
    expect(() => plan({ promptThreads: threads })).toThrow('prompt threads');
  });

  it.each([0, 4097])('%s layers', (blockCount) => {
    expect(() => plan({ blockCount })).toThrow('layers');
  });

  it('weighted before anything is measured', () => {
    expect(() => plan({ strategy: 'weighted' })).toThrowError(
      expect.objectContaining({ code: 'plan-impossible' }),
    );
    expect(plan({}).strategies.map((strategy) => strategy.name)).not.toContain('weighted');
  });

  it('layers of an unknown number', () => {
    expect(() => plan({ strategy: 'layers' })).toThrow('needs the number of layers');
    expect(plan({ strategy: 'layers', blockCount: 8 }).chosen).toBe('layers');
  });
});

describe('the default', () => {
  it('is rows over all nodes, one thread per core', () => {
    const chosen = plan({});
    expect(chosen.chosen).toBe('rows');
    expect(chosen.threads).toBe(16);
    expect(chosen.environment).toEqual({
      GGML_NUMA_SHARD_MAP: '*:rows',
      GGML_NUMA_SHARD_THREADS: '0:4,1:4,2:4,3:4',
    });
    expect(chosen.warnings).toEqual([]);
  });

  it('keeps what the process may use, and names the nodes when they are not all', () => {
    const limited = machine([{}, {}, {}, {}], { cpus: [0, 1, 2, 3, 16, 17, 18, 19], nodes: [0, 1, 2] });
    const chosen = plan({ topology: limited });
    expect(mapOf(chosen)).toBe('*:rows(0,2)');
    expect(sharesOf(chosen)).toBe('0:2,2:2');
  });

  it('leaves memory without CPUs alone and says which CPUs have no memory', () => {
    const odd = machine([{}, { memory: 0 }, { cores: 0, memory: 64 * GiB }, {}]);
    const chosen = plan({ topology: odd });
    expect(mapOf(chosen)).toBe('*:rows(0,3)');
    expect(codes(chosen)).toEqual(['node-left-out']);
    expect(chosen.warnings[0]?.message).toContain('nodes 1 have CPUs');
  });

  it('idles a few cores for balance, not many', () => {
    const few = plan({ topology: machine([{ cores: 8 }, { cores: 7 }]) });
    expect(sharesOf(few)).toBe('0:7,1:7');
    expect(codes(few)).toEqual(['cores-unused']);
    const many = plan({ topology: machine([{ cores: 8 }, { cores: 1 }]) });
    expect(sharesOf(many)).toBe('0:8,1:1');
    expect(codes(many)).toEqual(['threads-uneven']);
  });

  it('works with gaps in node ids', async () => {
    const topology = await readTopology(textRoot(fixtureFiles('power8-gaps')));
    const chosen = plan({ topology });
    expect(chosen.environment).toEqual({
      GGML_NUMA_SHARD_MAP: '*:rows',
      GGML_NUMA_SHARD_THREADS: '0:2,1:2,16:2,17:2',
    });
    expect(strategyOf(chosen, 'interleave').map).toBe('*:interleave(all)');
  });
});

describe('threads that a user gives', () => {
  it.each([
    [8, '0:2,1:2,2:2,3:2', []],
    [6, '0:2,1:1,2:2,3:1', ['threads-uneven']],
    [20, '0:5,1:5,2:5,3:5', ['threads-exceed-cores']],
    [40, '0:10,1:10,2:10,3:10', ['threads-exceed-cpus']],
  ])('%s are spread as evenly as they go', (threads, shares, warnings) => {
    const chosen = plan({ threads });
    expect(chosen.threads).toBe(threads);
    expect(sharesOf(chosen)).toBe(shares);
    expect(codes(chosen)).toEqual(warnings);
  });

  it('go where the cores are', () => {
    const chosen = plan({ topology: machine([{ cores: 1 }, { cores: 8 }]), threads: 8 });
    expect(sharesOf(chosen)).toBe('0:1,1:7');
  });

  it('if fewer than nodes go to one node, with one line that says so', () => {
    const chosen = plan({ threads: 3 });
    expect(chosen.chosen).toBe('isolate');
    expect(chosen.environment).toEqual({ GGML_NUMA_SHARD_MAP: '*:rows(0)', GGML_NUMA_SHARD_THREADS: '0:3' });
    expect(codes(chosen)).toEqual(['fewer-threads-than-nodes']);
  });

  it('if fewer than nodes go to the roomiest nodes when rows is asked for', () => {
    const topology = machine([{}, { memory: 32 * GiB }, {}, { memory: 64 * GiB }]);
    const chosen = plan({ topology, threads: 2, strategy: 'rows' });
    expect(chosen.environment).toEqual({
      GGML_NUMA_SHARD_MAP: '*:rows(1,3)',
      GGML_NUMA_SHARD_THREADS: '1:1,3:1',
    });
  });

  it('are all there, on nodes that exist, with counts that differ by one at most while cores last', () => {
    const shapes = fc.array(fc.record({ cores: fc.integer({ min: 1, max: 9 }) }), {
      minLength: 2,
      maxLength: 9,
    });
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 512 }), (nodes, threads) => {
        const counts = Object.values(strategyOf(plan({ topology: machine(nodes), threads }), 'rows').threads);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(threads);
        expect(Math.min(...counts)).toBeGreaterThan(0);
        const smallest = Math.min(...nodes.map((node) => node.cores));
        if (threads <= smallest * nodes.length)
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('warn when prompt threads cut rows elsewhere', () => {
    expect(codes(plan({ threads: 8, promptThreads: 16 }))).toEqual([]);
    expect(codes(plan({ threads: 8, promptThreads: 10 }))).toEqual(['prompt-threads-uneven']);
  });
});

describe('machines with less than two nodes to use', () => {
  it('one node runs as before, whatever is asked', () => {
    for (const strategy of [null, 'rows', 'weighted'] as const) {
      const chosen = plan({ topology: machine([{}]), strategy });
      expect(chosen).toMatchObject({ chosen: 'flat', environment: {}, threads: 4 });
      expect(codes(chosen)).toEqual(['one-node']);
    }
  });

  it('one usable node of several takes all', () => {
    const chosen = plan({ topology: machine([{}, {}], { nodes: [1] }) });
    expect(chosen.environment).toEqual({ GGML_NUMA_SHARD_MAP: '*:rows(1)', GGML_NUMA_SHARD_THREADS: '1:4' });
    expect(codes(chosen)).toEqual(['one-usable-node', 'node-left-out']);
  });

  it('none usable is flat', () => {
    const chosen = plan({ topology: machine([{}, { cores: 0 }], { nodes: [1] }), threads: 3 });
    expect(chosen).toMatchObject({ chosen: 'flat', environment: {}, threads: 3 });
    expect(codes(chosen)).toEqual(['no-usable-node']);
  });
});

describe('memory', () => {
  it('of every strategy adds up to the model', () => {
    const sizes = fc.record({
      blockCount: fc.integer({ min: 1, max: 20 }),
      layer: fc.nat(5000),
      output: fc.nat(5000),
    });
    const shapes = fc.array(fc.record({ memory: fc.integer({ min: 1, max: 100 }) }), {
      minLength: 2,
      maxLength: 5,
    });
    fc.assert(
      fc.property(
        sizes,
        shapes,
        fc.integer({ min: 1, max: 40 }),
        ({ blockCount, layer, output }, nodes, threads) => {
          const asked = plan({ topology: machine(nodes), model: model(blockCount, layer, output), threads });
          for (const { name, memory } of asked.strategies) {
            if (name === 'flat') continue;
            const bytes = Object.values(memory).reduce((sum, part) => sum + part, 0);
            expect(bytes, name).toBe(blockCount * layer + output);
          }
        },
      ),
    );
  });

  it('of rows follows the workers, of isolate is all on one node', () => {
    const asked = plan({ model: model(8, GiB), threads: 6 });
    const unit = (8 * GiB) / 6;
    expect(strategyOf(asked, 'rows').memory).toEqual({
      '0': Math.round(2 * unit),
      '1': 4 * GiB - Math.round(2 * unit),
      '2': Math.round(5 * unit) - 4 * GiB,
      '3': 8 * GiB - Math.round(5 * unit),
    });
    expect(strategyOf(asked, 'isolate').memory).toEqual({ '0': 8 * GiB });
    expect(strategyOf(asked, 'flat').memory).toEqual({});
  });

  it('that is missing is counted per node, and what would fit is named', () => {
    const topology = machine([{ free: GiB, reclaimable: GiB }, { free: 16 * GiB }]);
    const asked = plan({ topology, model: model(12, GiB) });
    expect(strategyOf(asked, 'rows')).toMatchObject({ fits: false, missingBytes: 4 * GiB });
    expect(strategyOf(asked, 'isolate')).toMatchObject({ fits: true, map: '*:rows(1)', missingBytes: 0 });
    expect(strategyOf(asked, 'flat')).toMatchObject({ fits: true, missingBytes: 0 });
    expect(codes(asked)).toEqual(['does-not-fit']);
    expect(asked.warnings[0]?.message).toBe(
      `rows lacks free memory: ${4 * GiB} bytes on node 0; what fits: flat, isolate, layers`,
    );
  });

  it('that is unknown leaves the answer open', () => {
    const asked = plan({ topology: machine([{ memory: null }, { memory: null }]), model: model(4, GiB) });
    expect(strategyOf(asked, 'rows')).toMatchObject({ fits: null, missingBytes: null });
    expect(plan({}).strategies.map(({ fits, memory }) => [fits, memory])).toEqual(
      plan({}).strategies.map(() => [null, {}]),
    );
  });
});

describe('layers', () => {
  it('are ranges in proportion to free memory, the roomiest first, in the shape the project began with', () => {
    const topology = machine([
      { memory: 5 * GiB },
      { memory: 8 * GiB },
      { memory: 9 * GiB },
      { memory: 10 * GiB },
    ]);
    const asked = plan({ topology, model: model(32, GiB / 16, GiB / 16), strategy: 'layers' });
    expect(mapOf(asked)).toBe('0-9:node3,10-18:node2,19-26:node1,27-31:node0,*:node3');
    expect(asked.threads).toBe(16);
  });

  it('are equal ranges without a model', () => {
    const asked = plan({ blockCount: 8, strategy: 'layers' });
    expect(mapOf(asked)).toBe('0-1:node0,2-3:node1,4-5:node2,6-7:node3,*:node0');
  });

  it('cover every layer once, whatever the machine', () => {
    const shapes = fc.array(fc.record({ memory: fc.nat(50) }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 100 }), (nodes, blockCount) => {
        const topology = machine(nodes.map(({ memory }) => ({ memory: memory + 1, free: memory })));
        const map = strategyOf(plan({ topology, blockCount }), 'layers').map ?? '';
        const covered = [...map.matchAll(/(\d+)(?:-(\d+))?:/g)].flatMap(([, first, last]) => {
          const start = Number(first);
          return Array.from({ length: Number(last ?? first) - start + 1 }, (_, offset) => start + offset);
        });
        expect(covered).toEqual(Array.from({ length: blockCount }, (_, layer) => layer));
      }),
    );
  });
});

describe('planDocument', () => {
  it('has the fields other tools rely on', () => {
    const document = planDocument(plan({ model: model(8, GiB) }), {
      command: ['llama-cli'],
      preload: 'libnumashard.so',
    });
    expect(document).toMatchObject({
      schema: 'numashard/plan/1',
      chosen: 'rows',
      command: ['llama-cli'],
      environment: { LD_PRELOAD: 'libnumashard.so', GGML_NUMA_SHARD_MAP: '*:rows' },
      warnings: [],
    });
    expect(document.strategies.map((strategy) => strategy.name)).toEqual([
      'flat',
      'isolate',
      'interleave',
      'layers',
      'rows',
    ]);
    expect(Object.keys(document.strategies[0] ?? {}).sort()).toEqual(
      [
        'name',
        'map',
        'threads',
        'predicted',
        'bottleneck',
        'memory',
        'fits',
        'missingBytes',
        'lowerBoundSeconds',
      ].sort(),
    );
  });

  it('preloads nothing where nothing is placed', () => {
    expect(planDocument(plan({ strategy: 'flat' }), { preload: 'libnumashard.so' }).environment).toEqual({});
  });
});
