// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { machineNodes } from '../../src/plan/machine-nodes.js';
import { planDocument } from '../../src/plan/plan-document.js';
import { planPlacement } from '../../src/plan/plan-placement.js';
import { readLlamaCommand } from '../../src/runtime/command.js';
import { plannedEnvironment, prepareRun, type RunRequest } from '../../src/runtime/prepare-run.js';
import { limitTopology, wrapperLimits } from '../../src/runtime/wrapper-limits.js';
import type { Topology } from '../../src/topology/types.js';
import { GiB, machine, model } from '../plan/machines.js';

const fourNodes = machine([{}, {}, {}, {}]);

function prepare(words: string, request: Partial<RunRequest> = {}, whole: Topology = fourNodes) {
  const command = readLlamaCommand(words.split(' '), {});
  const limits = wrapperLimits(command.wrappers);
  const topology = limitTopology(whole, limits);
  return prepareRun({
    command,
    limits,
    model: model(8, GiB / 8),
    topology,
    machine: machineNodes(topology),
    map: null,
    planned: null,
    strategy: null,
    ...request,
  });
}

describe('a plan from a file', () => {
  it.each([
    ['', 'plan p.json is not JSON'],
    ['null', 'plan p.json has no "environment"'],
    ['{"environment": 7}', 'plan p.json has no "environment"'],
    ['{"environment": {"GGML_NUMA_SHARD_MAP": 7}}', 'GGML_NUMA_SHARD_MAP is 7, not of its form'],
    ['{"environment": {"GGML_NUMA_SHARD_THREADS": "4"}}', 'GGML_NUMA_SHARD_THREADS is "4", not of its form'],
    ['{"environment": {"GGML_NUMA_SHARD_RESIDENCY": "ram"}}', 'GGML_NUMA_SHARD_RESIDENCY is "ram"'],
    ['{"environment": {"PATH": "/evil"}}', 'sets PATH, which is not for a plan to set'],
    ['{"environment": {"LD_LIBRARY_PATH": "."}}', 'sets LD_LIBRARY_PATH'],
  ])('%s is refused', (text, message) => {
    expect(() => plannedEnvironment(text, 'p.json')).toThrow(
      expect.objectContaining({
        code: 'usage',
        exitCode: 2,
        message: expect.stringContaining(message),
        hint: expect.stringContaining('numashard plan'),
      }),
    );
  });

  it('gives back what plan --json printed, and leaves the preload library to run', () => {
    const plan = planPlacement({ model: null, topology: fourNodes, threads: 8, strategy: null });
    const text = JSON.stringify(planDocument(plan, { preload: '/old/libnumashard.so' }));
    expect(plannedEnvironment(text, 'p.json')).toEqual(plan.environment);
    const layers = planPlacement({
      model: model(8, GiB),
      topology: fourNodes,
      threads: 8,
      strategy: 'layers',
    });
    expect(plannedEnvironment(JSON.stringify(planDocument(layers)), 'p')).toEqual(layers.environment);
  });

  const planned = { GGML_NUMA_SHARD_MAP: '*:rows', GGML_NUMA_SHARD_THREADS: '0:2,1:2,2:2,3:2' };

  it('brings its own threads', () => {
    const prepared = prepare('llama-server -m m.gguf', { planned });
    expect(prepared.argv.slice(-2)).toEqual(['-t', '8']);
    expect(prepared.environment).toEqual(planned);
    expect(prepare('llama-server -m m.gguf -t 8', { planned }).argv).toHaveLength(5);
  });

  it('contradicts a command with other threads, and names the word', () => {
    expect(() => prepare('llama-server -m m.gguf -t 4', { planned })).toThrow(
      expect.objectContaining({
        code: 'flag-conflict',
        message: '-t 4 (word 3 of the command) gives 4 threads, the plan is for 8',
      }),
    );
  });
});

describe('a map from the user', () => {
  it('is kept as it is, with shares where rows live on all nodes', () => {
    expect(prepare('llama-server -t 8', { map: '*:rows' }).environment).toEqual({
      GGML_NUMA_SHARD_MAP: '*:rows',
      GGML_NUMA_SHARD_THREADS: '0:2,1:2,2:2,3:2',
    });
    expect(prepare('llama-server -t 8', { map: '*:rows(1,3)' }).environment).toEqual({
      GGML_NUMA_SHARD_MAP: '*:rows(1,3)',
    });
  });

  it('takes the residency from the option before the environment, and refuses one that nobody knows', () => {
    const command = 'llama-server -t 8';
    const name = 'GGML_NUMA_SHARD_RESIDENCY';
    const own = prepare(command, { map: '*:node1', ownResidency: 'private' }).environment;
    expect(own).toEqual({ GGML_NUMA_SHARD_MAP: '*:node1', [name]: 'private' });
    const given = { map: '*:node1', residency: 'page-cache', ownResidency: 'private' } as const;
    expect(prepare(command, given).environment).toMatchObject({ [name]: 'page-cache' });
    // Where nothing is placed there is nothing to hold.
    expect(prepare(command, { ...given, map: 'observe' }).environment).not.toHaveProperty(name);
    expect(() => prepare(command, { map: '*:node1', ownResidency: 'ram' })).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: `${name}=ram (in the environment) is neither page-cache nor private`,
      }),
    );
  });

  it('keeps the shares that the user gave', () => {
    const shares = '0:5,1:1,2:1,3:1';
    const kept = { GGML_NUMA_SHARD_MAP: '*:rows', GGML_NUMA_SHARD_THREADS: shares };
    expect(prepare('llama-server -t 8', { map: '*:rows', shares }).environment).toEqual(kept);
    expect(prepare('llama-server', { map: '*:rows', shares }).argv).toEqual(['llama-server', '-t', '8']);
    expect(prepare('llama-server -t 6', { map: '*:node1', shares }).environment).toEqual({
      GGML_NUMA_SHARD_MAP: '*:node1',
    });
  });

  it.each([
    [
      'llama-server -t 6',
      '*:rows',
      '0:4,1:4',
      'flag-conflict',
      'is for 8 threads, -t 6 (word 1 of the command)',
    ],
    [
      'llama-server -t 8',
      null,
      '0:4,1:4',
      'flag-conflict',
      'contradicts the plan, which has 0:2,1:2,2:2,3:2',
    ],
    ['llama-server -t 8', '*:rows', '4+4', 'usage', 'is not of the form node:threads'],
  ])('%s, map %s, shares %s: %s', (words, map, shares, code, message) => {
    expect(() => prepare(words, { map, shares })).toThrow(
      expect.objectContaining({ code, exitCode: 2, message: expect.stringContaining(message) }),
    );
    expect(() => prepare(words, { map, shares })).toThrow(`GGML_NUMA_SHARD_THREADS=${shares}`);
  });

  it('under observe changes nothing in the command', () => {
    const { argv, environment } = prepare('llama-server --numa isolate', { map: 'observe' });
    expect(argv).toEqual(['llama-server', '--numa', 'isolate']);
    expect(environment).toEqual({ GGML_NUMA_SHARD_MAP: 'observe' });
  });

  it.each([
    ['attn:node9', 'map-node'],
    ['0-8:node1', 'map-range'],
    ['attn', 'map-syntax'],
  ])('%s is refused before anything starts', (map, code) => {
    expect(() => prepare('llama-server -t 8', { map })).toThrow(expect.objectContaining({ code }));
  });

  it('has its warnings said, and none of the plan that it replaces', () => {
    const { notes } = prepare('llama-server -t 2', { map: 'ssm:node1,*:node0' });
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain('ssm:node1');
    expect(prepare('llama-server -t 2').notes.join()).toContain('2 threads on 4 nodes');
  });

  it('holds on one node, where a plan would place nothing', () => {
    const { environment, notes } = prepare('llama-server -t 2', { map: '*:node0' }, machine([{}]));
    expect(environment).toEqual({ GGML_NUMA_SHARD_MAP: '*:node0' });
    expect(notes).toEqual([]);
  });
});

describe('taskset and numactl in the command', () => {
  it.each([
    ['taskset -c 0-15 llama-server -t 8', '*:rows(0-1)', '0:4,1:4'],
    ['numactl -N 1,3 -m 1,3 llama-server -t 8', '*:rows(1,3)', '1:4,3:4'],
    ['numactl --membind=1-3 llama-server -t 6', '*:rows(1-3)', '1:2,2:2,3:2'],
    ['taskset -c 0-3 llama-server -t 4', '*:rows(0)', '0:4'],
  ])('%s: planned for what is left', (words, map, shares) => {
    expect(prepare(words).environment).toEqual({
      GGML_NUMA_SHARD_MAP: map,
      GGML_NUMA_SHARD_THREADS: shares,
    });
  });

  const taskset = 'taskset -c 0-15 llama-server -t 8';

  it('that leave out a node of the map are named', () => {
    for (const map of ['*:rows(0-3)', '*:rows,attn:rows(2)'])
      expect(() => prepare(taskset, { map })).toThrow(
        expect.objectContaining({
          code: 'map-node',
          hint: 'taskset -c 0-15 (word 2 of the command) leaves nodes out: change that, or the map',
        }),
      );
  });

  it('that leave out a node of the plan or of the shares are named', () => {
    const planned = { GGML_NUMA_SHARD_MAP: '*:rows', GGML_NUMA_SHARD_THREADS: '0:2,1:2,2:2,3:2' };
    const message =
      'taskset -c 0-15 (word 2 of the command) leaves nodes 0, 1, the plan has threads on node 2';
    expect(() => prepare(taskset, { planned })).toThrow(message);
    expect(() => prepare(taskset, { map: '*:rows', shares: '0:4,2:4' })).toThrow(message);
    const limited = machine([{}, {}, {}], { cpus: [0, 1, 2, 3] });
    expect(() => prepare('llama-server -t 8', { planned }, limited)).toThrow(
      'GGML_NUMA_SHARD_THREADS=0:2,1:2,2:2,3:2 has threads on node 1, this process may use 0',
    );
  });
});

describe('threads named beside the command', () => {
  it('are planned for and added', () => {
    const { argv, environment } = prepare('llama-server -m m.gguf', { threads: 12 });
    expect(argv.slice(-2)).toEqual(['-t', '12']);
    expect(environment['GGML_NUMA_SHARD_THREADS']).toBe('0:3,1:3,2:3,3:3');
    expect(prepare('./my-server', { threads: 12 }).environment['LLAMA_ARG_THREADS']).toBe('12');
  });
});

describe('fewer threads than nodes', () => {
  it.each([
    ['*:rows', 3, 4],
    ['*:rows(1-3)', 2, 3],
  ])('contradict the map %s', (map, threads, count) => {
    expect(() => prepare(`llama-server -t ${threads}`, { map })).toThrow(
      expect.objectContaining({
        code: 'flag-conflict',
        message: `-t ${threads} (word 1 of the command) gives ${threads} threads, rows over ${count} nodes need ${count} at least`,
        hint: expect.stringContaining("--map '*:rows("),
      }),
    );
  });

  it('are fine without a map: one node is planned for, and said', () => {
    const { environment, notes } = prepare('llama-server -t 3');
    expect(environment['GGML_NUMA_SHARD_MAP']).toMatch(/^\*:rows\(\d\)$/);
    expect(notes).toContainEqual(expect.stringContaining('3 threads on 4 nodes'));
  });
});

describe('a model that is not known', () => {
  it.each(['-hf org/model', '--models-dir models', '', '-dr gemma3'])(
    'is none needed for rows: %s',
    (words) => {
      const { environment } = prepare(`llama-server ${words} -t 8`.replace('  ', ' '), { model: null });
      expect(environment).toEqual({
        GGML_NUMA_SHARD_MAP: '*:rows',
        GGML_NUMA_SHARD_THREADS: '0:2,1:2,2:2,3:2',
      });
    },
  );
});

describe('without a map', () => {
  it('on one node nothing changes, and one line says so', () => {
    const prepared = prepare('llama-server -m m.gguf', {}, machine([{}]));
    expect(prepared).toEqual({
      argv: ['llama-server', '-m', 'm.gguf'],
      environment: {},
      notes: ['one NUMA node: nothing to place, llama.cpp runs as it would by itself'],
    });
  });

  it('rows are planned for the threads of the command', () => {
    const { argv, environment } = prepare('llama-server -m m.gguf -t 6');
    expect(argv).toEqual(['llama-server', '-m', 'm.gguf', '-t', '6']);
    expect(environment['GGML_NUMA_SHARD_MAP']).toBe('*:rows');
    const shares = (environment['GGML_NUMA_SHARD_THREADS'] ?? '')
      .split(',')
      .map((share) => Number(share.slice(2)));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBe(6);
  });

  it('strategy flat leaves the command alone', () => {
    expect(prepare('llama-server -t 8 --numa isolate', { strategy: 'flat' })).toMatchObject({
      environment: {},
      argv: ['llama-server', '-t', '8', '--numa', 'isolate'],
    });
  });

  it.each([
    ['llama-server -t 8 --numa isolate', '--numa isolate (word 3 of the command)'],
    ['llama-server -t 8 -C ff', '-C ff (word 3 of the command)'],
    ['numactl --interleave=all llama-server -t 8', '--interleave=all (word 1 of the command)'],
  ])('%s contradicts it', (words, place) => {
    expect(() => prepare(words)).toThrow(
      expect.objectContaining({ code: 'flag-conflict', message: expect.stringContaining(place) }),
    );
  });
});
