// SPDX-License-Identifier: MIT
// What every compiler's header must do: the shared table, its public functions, and programs that call it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { tableQuestions } from '../shardmap/case-lines.js';
import { headerExample, nativeFolder } from '../shardmap/native-program.js';

export const warnings = ['-Wall', '-Wextra', '-Wpedantic', '-Werror'];
export const standards = { c: '-std=c11', cc: '-std=c++17' } as const;
export type Language = keyof typeof standards;

export interface Build {
  /** Compiles a source file to a program; its path. `flags` are added to the compiler's own. */
  compile(source: string, flags?: readonly string[]): string;
  /** Words before a program, such as an emulator. */
  readonly runner: readonly string[];
  readonly folder: string;
}

const programs = {
  cases: join(nativeFolder, 'test/shardmap-cases.c'),
  api: join(nativeFolder, 'test/header-api.c'),
  calls: join(nativeFolder, 'test/header-calls.c'),
};

/** The shared table; how many questions were answered. */
export function answersTheTable(build: Build): number {
  const questions = tableQuestions();
  const program = build.compile(programs.cases);
  const input = `${questions.map(({ ask }) => ask).join('\n')}\n`;
  const { stdout } = run([...build.runner, program], { input });
  const answers = stdout.split('\n').slice(0, -1);
  expect(answers.length).toBe(questions.length);
  const wrong = questions.flatMap((question, index) =>
    answers[index] === question.expected ? [] : [{ ...question, answer: answers[index] }],
  );
  expect(wrong.slice(0, 5)).toEqual([]);
  return questions.length;
}

export interface Placing {
  readonly method: 'bind' | 'preferred' | 'first-touch';
  /** The kernel does not say where pages are. */
  readonly isBlind?: boolean;
  /** Up to the limit of mappings: a second where nobody else works, as each mbind waits for every CPU. */
  readonly toTheLimit?: boolean;
  /** A program that refuses, and what: native/test/refuse.c. */
  readonly refuse?: readonly string[];
}

/** The public functions on a machine that is made to look like two nodes; `placings` one after the other. */
export function placesAndCounts(build: Build, placings: readonly Placing[]): void {
  const program = build.compile(programs.api, ['-D_GNU_SOURCE']);
  const root = twoNodes(build.folder);
  for (const { method, isBlind, toTheLimit, refuse = [] } of placings) {
    const words = isBlind ? ['blind'] : toTheLimit ? ['limits'] : [];
    const { stdout, stderr } = run([...build.runner, ...refuse, program, root, method, ...words]);
    expect(stdout).toBe('');
    expect(stderr.split('\n')).toEqual([
      `ggml-numa-shard: ${method}, 1 tensors`,
      expect.stringMatching(/^node {4}0: asked +0\.\d\d MiB, found +\d\.\d\d MiB$/),
      expect.stringMatching(/^node {4}1: asked +0\.00 MiB, found +0\.00 MiB$/),
      expect.stringMatching(/^misplaced 0\.00 MiB, unknown \d\.\d\d MiB, refused 0\.00 MiB$/),
      expect.stringMatching(/^warning: .*column 1, rule 'attn:node0'.*\[rule-never-wins\]$/),
      expect.stringMatching(/^warning: .*column 25, rule '0-8\.attn:node0'.*\[rule-never-wins\]$/),
      expect.stringMatching(/^warning: .*column 25, .*the rule at column 12 .*\[rule-overlap\]$/),
      '',
    ]);
  }
}

export interface CallSetting {
  readonly language: Language;
  readonly cacheLine: number;
  /** Off Linux a wrong map is no error: nothing is read. */
  readonly isLinux?: boolean;
  readonly canRun?: boolean;
}

/** Programs that include the header: by each function's type and as the library it follows is called; its example. */
export function isCalled(
  build: Build,
  { language, cacheLine, isLinux = true, canRun = true }: CallSetting,
): void {
  const example = join(build.folder, `example.${language}`);
  writeFileSync(example, headerExample());
  const calls = build.compile(programs.calls, [`-DEXPECTED_CACHE_LINE=${cacheLine}`]);
  const shown = build.compile(example);
  if (!canRun) return;
  const runWith = (program: string, map: string) =>
    run([...build.runner, program], { env: { GGML_NUMA_SHARD_MAP: map } });
  const { stdout, stderr } = runWith(calls, '*:0');
  expect(stdout).toMatch(
    /^init (0 assign -1 rows -1 get_stats -1 method none|1 assign 0 rows 0 get_stats 0 method \S+) error ''$/m,
  );
  expect(stderr).toMatch(/^ggml-numa-shard: /);
  expect(runWith(shown, '*:0').stdout).toMatch(/^node (0|-1)$/m);
  expect(runWith(calls, 'norm:0,atn:0').stdout).toMatch(
    isLinux ? /^init -1 .*column 8, rule 'atn:0'.*\[map-role\]/ : /^init 0 .* error ''$/m,
  );
}

function run(
  [program = '', ...args]: readonly string[],
  { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
) {
  const result = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 1 << 26,
  });
  if (result.status !== 0) {
    throw new Error(
      `${program} ${args.join(' ')}: ${result.error ?? `${result.status} ${result.signal ?? ''}`}\n${result.stdout}${result.stderr}`,
    );
  }
  return result;
}

function twoNodes(folder: string): string {
  const root = join(folder, 'sys/node');
  for (const node of [0, 1]) {
    mkdirSync(join(root, `node${node}`), { recursive: true });
    writeFileSync(join(root, `node${node}/cpulist`), `${node}\n`);
    const line = (key: string, kib: number) => `Node ${node} ${key}:  ${kib} kB\n`;
    writeFileSync(
      join(root, `node${node}/meminfo`),
      line('MemTotal', 16_000_000) + line('MemFree', 16_000_000),
    );
  }
  return root;
}
