// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { NumashardError } from '../../src/errors.js';
import { readLlamaCommand } from '../../src/runtime/command.js';
import { checkCommand } from '../../src/runtime/command-check.js';
import type { LlamaCommand } from '../../src/runtime/command-types.js';
import { machine } from '../plan/machines.js';

function read(command: string, env: Record<string, string> = {}): LlamaCommand {
  return readLlamaCommand(command.split(' '), env, { hardwareThreads: 32 });
}

function codes({ warnings }: LlamaCommand): string[] {
  return warnings.map(({ code }) => code);
}

describe('words that say too little', () => {
  it.each([
    ['llama-server -m', 'value-missing'],
    ['llama-server -t eight', 'value-unreadable'],
    ['llama-server -t 8.5', 'value-unreadable'],
    ['llama-server --threads=8', 'equals-form'],
    ['llama-bench -t 4,8', 'several-values'],
    ['llama-server -hf ggml-org/model', 'model-unknown'],
  ])('%s', (command, code) => {
    expect(codes(read(command))).toEqual([code]);
  });

  it('an empty command is no program', () => {
    expect(readLlamaCommand([], {})).toMatchObject({ name: '', kind: 'other', model: null, threads: null });
  });
});

describe('the model', () => {
  it.each([
    ['llama-server -m a.gguf', 'a.gguf', 1],
    ['llama-server --port 80 --model b.gguf', 'b.gguf', 3],
    ['llama-server -m a.gguf -m b.gguf', 'b.gguf', 3],
    ['llama-cli --model=a.gguf', 'a.gguf', 1],
    ['llama-bench -m a-00001-of-00002.gguf', 'a-00001-of-00002.gguf', 1],
    ['llama-bench -m a.gguf,a.gguf', 'a.gguf', 1],
    ['numactl -m 0 -C 0-3 /usr/bin/llama-server -m a.gguf', 'a.gguf', 6],
    ['llama serve -m a.gguf', 'a.gguf', 2],
    ['llama bench -m a.gguf,a.gguf', 'a.gguf', 2],
    ['taskset -c 0-3 nice -n 5 ./main -m a.gguf', 'a.gguf', 7],
    ['llama-server --lora -m -m a.gguf', 'a.gguf', 3],
  ])('of %s is %s, word %s', (command, value, index) => {
    expect(read(command).model).toMatchObject({ value, index });
  });

  it('comes from the environment when no word gives it, except for llama-bench', () => {
    const env = { LLAMA_ARG_MODEL: 'e.gguf' };
    expect(read('llama-server', env).model).toEqual({
      value: 'e.gguf',
      text: 'LLAMA_ARG_MODEL=e.gguf',
      index: null,
    });
    expect(read('llama-server -m a.gguf', env).model?.value).toBe('a.gguf');
    expect(read('llama-bench', env).model).toBeNull();
  });

  it.each([
    '-hf org/repo',
    '--hf-repo org/repo',
    '--model-url u',
    '-dr gemma3',
    '--models-dir d',
    '--gpt-oss-20b-default',
    '--fim-qwen-7b-spec',
  ])('is unknown under %s', (words) => {
    const command = read(`llama-server -m a.gguf ${words}`);
    expect(command.model).toBeNull();
    expect(codes(command)).toEqual(['model-unknown']);
  });

  it('of a llama-bench with several is each of them', () => {
    const command = read('llama-bench -m a.gguf,b.gguf -m c.gguf');
    expect(command.model).toBeNull();
    expect(command.models.map(({ value }) => value)).toEqual(['a.gguf', 'b.gguf', 'c.gguf']);
  });

  it('of a draft is kept apart', () => {
    expect(read('llama-server -m a.gguf -md d.gguf')).toMatchObject({
      model: { value: 'a.gguf' },
      draftModel: { value: 'd.gguf', text: '-md d.gguf' },
    });
    expect(read('llama-server', { LLAMA_ARG_SPEC_DRAFT_MODEL: 'd.gguf' }).draftModel?.value).toBe('d.gguf');
  });
});

describe('threads', () => {
  it.each([
    ['llama-server -t 8', 8],
    ['llama-server --threads 8 -t 4', 4],
    ['llama-server -t 0', 32],
    ['llama-server -t -1', 32],
    ['llama-bench -t 4,4', 4],
    ['llama-bench -t 4 -t 4', 4],
    ['llama-bench -t 4-4', 4],
    ['llama-bench -t 4-5+2', 4],
  ])('of %s are %s', (command, threads) => {
    expect(read(command).threads?.value).toBe(threads);
  });

  it.each(['-t 4,8', '-t 4-5', '-t 4-16*2', '-t 4 -t 8', '-t 4,2-3'])(
    'of llama-bench %s are several',
    (words) => {
      const command = read(`llama-bench -m a.gguf ${words}`);
      expect(command).toMatchObject({ threads: null, hasThreads: true });
      expect(codes(command)).toEqual(['several-values']);
    },
  );

  it('come from LLAMA_ARG_THREADS, and prompt threads from -tb', () => {
    const command = read('llama-server -tb 16', { LLAMA_ARG_THREADS: '8' });
    expect(command.threads).toEqual({ value: 8, text: 'LLAMA_ARG_THREADS=8', index: null });
    expect(command.promptThreads?.value).toBe(16);
    expect(read('llama-bench', { LLAMA_ARG_THREADS: '8' }).hasThreads).toBe(false);
  });

  it('come from what env sets in front of the program', () => {
    const env = { LLAMA_ARG_THREADS: '8', LLAMA_ARG_NUMA: 'isolate' };
    const command = read('env -u LLAMA_ARG_NUMA LLAMA_ARG_THREADS=4 llama-server', env);
    expect(command).toMatchObject({ threads: { value: 4 }, numa: null, program: { index: 4 } });
    expect(read('env - llama-server', env).threads).toBeNull();
  });

  it('of what a shell starts are not known, and that is said', () => {
    const command = readLlamaCommand(['sh', '-c', 'llama-bench -t 4'], {});
    expect(command).toMatchObject({ name: 'sh', kind: 'other', hasThreads: false });
    expect(codes(command)).toEqual(['command-unread']);
  });

  it('are not looked for in a prompt', () => {
    expect(readLlamaCommand(['llama-cli', '-p', '-t', '-m', 'a.gguf'], {})).toMatchObject({
      hasThreads: false,
      model: { value: 'a.gguf', index: 3 },
    });
  });
});

describe('the rest', () => {
  it.each([
    ['llama-server --repack', true],
    ['llama-server -nr', false],
    ['llama-server --no_repack', false],
    ['llama-bench --repack 0', false],
    ['llama-bench --repack 1', true],
    ['llama-bench --repack 0,1', undefined],
    ['llama-server', undefined],
  ])('%s: repack %s', (command, value) => {
    expect(read(command).repack?.value).toBe(value);
  });

  it('reads LLAMA_ARG_NO_REPACK whatever its value, as llama.cpp does', () => {
    expect(read('llama-server', { LLAMA_ARG_NO_REPACK: '' }).repack?.value).toBe(false);
    expect(read('llama-server', { LLAMA_ARG_REPACK: 'off' }).repack?.value).toBe(false);
    expect(read('llama-server --repack', { LLAMA_ARG_NO_REPACK: '1' }).repack?.value).toBe(true);
  });

  it.each([
    ['llama-server -lm none', 'none'],
    ['llama-server --load-mode mmap+mlock --no-mmap', 'mmap+mlock'],
    ['llama-server --no-mmap', 'none'],
    ['llama-server --mlock', 'mmap+mlock'],
    ['llama-server --mlock --no-mmap', 'mlock'],
    ['llama-server -dio', 'dio'],
    ['llama-bench -mmp 0', 'none'],
    ['llama-bench -lm mmap,none', undefined],
    ['llama-server', undefined],
  ])('%s: load mode %s', (command, value) => {
    expect(read(command).loadMode?.value).toBe(value);
  });

  it('finds NUMA mode, GPU layers and pinning', () => {
    const command = read('llama-server --numa distribute -ngl 99 -C ff --cpu-strict 0 --cpu-range-batch 0-3');
    expect(command).toMatchObject({
      numa: { value: 'distribute', index: 1 },
      gpuLayers: { value: '99', index: 3 },
    });
    expect(command.affinity.map(({ text }) => text)).toEqual(['-C ff', '--cpu-range-batch 0-3']);
  });

  it('does not take options of other programs for llama.cpp’s', () => {
    const command = read('make -C folder -t -m');
    expect(command).toMatchObject({ kind: 'other', affinity: [], hasThreads: false, model: null });
    expect(read('./main -m a.gguf -t 4')).toMatchObject({
      model: { value: 'a.gguf' },
      threads: { value: 4 },
    });
  });
});

describe('checkCommand', () => {
  const topology = machine([{}, {}]);
  const environment = { GGML_NUMA_SHARD_MAP: '*:rows' };
  const rows = { chosen: 'rows', threads: 8, environment, topology } as const;
  const flat = { chosen: 'flat', threads: 8, environment: {}, topology } as const;

  function conflictOf(command: string, env: Record<string, string> = {}): NumashardError {
    try {
      checkCommand(read(command, env), rows);
    } catch (error) {
      if (error instanceof NumashardError) return error;
    }
    throw new Error(`no conflict in ${command}`);
  }

  it.each([
    ['llama-server --numa isolate -t 8', '--numa isolate (word 1 of the command) puts all threads'],
    ['llama-server -t 8 --numa numactl', '--numa numactl (word 3 of the command) puts all threads'],
    ['llama-server -t 4', '-t 4 (word 1 of the command) gives 4 threads, the plan is for 8'],
    [
      'llama-server -t 8 -C ff',
      '-C ff (word 3 of the command) leaves out CPUs 8-15 of node 1, where the plan',
    ],
    ['llama-server -t 8 -C 7fff', '-C 7fff (word 3 of the command) leaves out CPUs 15 of node 1'],
    [
      'llama-server -t 8 --cpu-range 2-15',
      '--cpu-range 2-15 (word 3 of the command) leaves out CPUs 0-1 of node 0',
    ],
    ['llama-server -t 8 -Crb -13', '-Crb -13 (word 3 of the command) leaves out CPUs 14-15'],
    [
      'llama-server -t 8 -C xyz',
      '-C xyz (word 3 of the command) pins threads to CPUs, and which is not known',
    ],
    ['llama-bench -t 8 -C ffff,ff', '-C ffff,ff (word 3 of the command) leaves out CPUs 8-15'],
    ['llama-bench -t 8 --cpu-strict 1', '--cpu-strict 1 (word 3 of the command) pins each thread'],
    [
      'numactl --interleave=all llama-server -t 8',
      '--interleave=all (word 1 of the command) is a policy for all memory',
    ],
    ['numactl -p 0 llama-server -t 8', '-p 0 (word 1 of the command) is a policy'],
    ['env -i llama-server -t 8', 'env -i (word 1 of the command) changes the whole environment'],
    ['env - A=b llama-server -t 8', 'env - (word 1 of the command) changes the whole environment'],
    ['env -u LD_PRELOAD llama-server -t 8', 'env -u LD_PRELOAD (word 1 of the command) changes LD_PRELOAD'],
    [
      'nice env A=b LD_PRELOAD=x.so llama-server -t 8',
      'env LD_PRELOAD=x.so (word 3 of the command) changes LD_PRELOAD',
    ],
    [
      'env GGML_NUMA_SHARD_MAP=*:node0 llama-server -t 8',
      'changes GGML_NUMA_SHARD_MAP, which numashard run sets',
    ],
  ])('%s conflicts with rows', (command, message) => {
    expect(conflictOf(command)).toMatchObject({ code: 'flag-conflict', exitCode: 2 });
    expect(conflictOf(command).message).toContain(message);
    expect(conflictOf(command).hint).toBeTruthy();
  });

  it('names the variable where a conflict comes from the environment', () => {
    expect(conflictOf('llama-server -t 8', { LLAMA_ARG_NUMA: 'isolate' }).message).toContain(
      'LLAMA_ARG_NUMA=isolate (in the environment)',
    );
  });

  it('lets everything pass where nothing is placed', () => {
    const command = read('llama-server --numa isolate -t 4 -C ff');
    expect(checkCommand(command, flat)).toEqual({
      threadsToAdd: null,
      argv: command.argv,
      environment: {},
      notes: [],
    });
  });

  it.each(['-C ffff', '-C 0xFFFFFF', '-Cr 0-15', '-Cr 0-', '-C 0', '--cpu-strict 0'])(
    'lets %s pass, which takes away no CPU of the plan',
    (words) => {
      expect(checkCommand(read(`llama-server -t 8 ${words}`), rows).notes).toEqual([]);
    },
  );

  it('asks masks only for CPUs of nodes that get threads', () => {
    const shares = { ...environment, GGML_NUMA_SHARD_THREADS: '0:8' };
    expect(checkCommand(read('llama-server -t 8 -C ff'), { ...rows, environment: shares }).notes).toEqual([]);
  });

  it('lets everything pass where nobody is pinned', () => {
    const command = read('llama-server --numa isolate -C ff');
    const layers = { ...rows, chosen: 'layers', environment: { GGML_NUMA_SHARD_MAP: '0-3:node0' } } as const;
    expect(() => checkCommand(read('numactl -i all llama-server'), layers)).toThrow('policy for all memory');
    expect(checkCommand(command, layers)).toMatchObject({
      threadsToAdd: null,
      argv: command.argv,
      notes: [],
    });
  });

  it('accepts distribute and equal threads as they are', () => {
    const command = read('llama-server --numa distribute -t 8 -m a.gguf');
    expect(checkCommand(command, rows)).toMatchObject({ threadsToAdd: null, argv: command.argv, notes: [] });
  });

  it('adds missing threads and says so', () => {
    expect(checkCommand(read('numactl -m 0 llama-bench -m a.gguf'), rows)).toEqual({
      threadsToAdd: 8,
      argv: ['numactl', '-m', '0', 'llama-bench', '-m', 'a.gguf', '-t', '8'],
      environment: {},
      notes: ['no -t given, rows is planned for 8 threads: added -t 8'],
    });
  });

  it('adds no word to a program it does not know', () => {
    expect(checkCommand(read('./start.sh fast'), rows)).toEqual({
      threadsToAdd: 8,
      argv: ['./start.sh', 'fast'],
      environment: { LLAMA_ARG_THREADS: '8' },
      notes: ['no -t given, rows is planned for 8 threads: set LLAMA_ARG_THREADS=8 for start.sh'],
    });
  });

  it('adds nothing to several counts of llama-bench', () => {
    expect(checkCommand(read('llama-bench -t 4,8'), rows).threadsToAdd).toBeNull();
  });
});
