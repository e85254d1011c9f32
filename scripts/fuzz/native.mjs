// SPDX-License-Identifier: MIT
// Runs one C target of native/fuzz under libFuzzer, with AddressSanitizer and UndefinedBehaviorSanitizer. Source of
// truth for options and output: https://llvm.org/docs/LibFuzzer.html.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../failure.mjs';
import { fuzzCompiler } from '../host-packages.mjs';
import { encode } from './check.mjs';
import { ggufSeeds } from './gguf-seeds.mjs';
import { knownCases, mapSeeds, sysfsSeeds } from './seeds.mjs';

/** @typedef {import('./options.mjs').FuzzOptions} FuzzOptions */
/** @typedef {import('./options.mjs').FuzzResult} FuzzResult */

const root = fileURLToPath(new URL('../..', import.meta.url));
const flags = [
  ...['-std=c11', '-D_GNU_SOURCE', '-O1', '-g', '-Wall', '-Wextra', '-Werror'],
  ...['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'],
];

/** Seeds and words of each target. @type {Readonly<Record<string, { seeds: () => Uint8Array[], words: string[] }>>} */
const sources = {
  map: {
    seeds: mapSeeds,
    words: [
      'all',
      'node',
      'name=',
      'observe',
      'rows',
      'cyclic(',
      'weighted(',
      'interleave(',
      'rows(',
      '.attn',
      'ffn',
      'experts',
      'shared',
      'router',
      'norm',
      'embed',
      'output',
      'ssm',
      'other',
      'blk.',
      '.weight',
      '999999999',
    ],
  },
  sysfs: {
    seeds: () => sysfsSeeds('/'),
    words: [
      '\\x1e',
      '/sys/devices/system/node/node0/',
      '/sys/devices/system/node/node1/',
      '/proc/zoneinfo\\x0a',
      '/proc/self/status\\x0a',
      '/proc/self/cgroup\\x0a',
      '/sys/fs/cgroup/a/memory.max\\x0a',
      'cpulist\\x0a',
      'meminfo\\x0a',
      'distance\\x0a',
      ' MemFree:',
      'MemTotal:',
      ' Inactive(file):',
      ':memory:/',
      '/memory.stat',
      '9223372036854775807',
      '18446744073709551615',
      '0-65535',
      '4294967296',
    ],
  },
  lines: {
    seeds: () =>
      encode(
        '7f0000000000-7f0000002000 r--s 00001000 fd:01 42 /models/a b.gguf\n0-fff ---p 0 00:00 0\n\x000:4,1:2,8:1\x00' +
          '4096 8192\n0 4096 1\n',
      ),
    words: [
      '7f0000000000-7f0000002000',
      ' r--s ',
      'fd:01',
      '144115188075855872',
      ',8:8192',
      '18446744073709551616',
    ],
  },
  gguf: {
    seeds: () => [...ggufSeeds(), ...encode('m-00001-of-00002.gguf')],
    words: ['\\x0d\\x00\\x00\\x00\\x00\\x00\\x00\\x00output.weight', '-00001-of-00002.gguf', 'GGUF'],
  },
};

export const nativeTargets = Object.keys(sources);

/** Throws a Failure where there is no clang with libFuzzer. */
export function requireFuzzer() {
  const missing = Object.entries(fuzzCompiler).filter(
    ([name]) => !(name.startsWith('/') ? existsSync(name) : spawnSync(name, ['--version']).status === 0),
  );
  if (missing.length === 0) return;
  const packages = missing.map(([, aptPackage]) => aptPackage).join(' ');
  throw new Failure(`no compiler with libFuzzer: ${packages} missing`, `apt-get install ${packages}`);
}

/**
 * @param {string} target
 * @param {string} state folder for programs, corpus and crashes
 * @param {FuzzOptions} options
 * @returns {Promise<FuzzResult>}
 */
export async function fuzzNative(target, state, { seed, seconds, executions }) {
  const program = build(target, state);
  const corpus = join(state, 'corpus', `c-${target}`);
  const crashes = join(state, 'crashes');
  mkdirSync(crashes, { recursive: true });
  const dictionary = fillCorpus(target, corpus, state);
  const { code, output } = await run(program, crashes, [
    ...[`-seed=${seed}`, `-max_total_time=${seconds}`, `-runs=${Math.min(executions, 2 ** 31 - 1)}`],
    ...['-timeout=20', '-rss_limit_mb=2048', '-print_final_stats=1', '-reload=0', '-max_len=2048'],
    ...[`-dict=${dictionary}`, `-artifact_prefix=${crashes}/c-${target}-`, corpus],
  ]);
  const figure = (/** @type {RegExp} */ pattern) => Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
  const ran = figure(/stat::number_of_executed_units:\s*(\d+)/g) || figure(/^#(\d+)/gm);
  return {
    name: `c/${target}`,
    executions: ran,
    seconds: figure(/^Done \d+ runs in (\d+) second/gm) || seconds,
    coverage: figure(/ cov: (\d+)/g),
    corpus: figure(/ corp: (\d+)/g),
    failure: code === 0 ? null : explain(output, code),
  };
}

/** @param {string} target @param {string} state */
function build(target, state) {
  requireFuzzer();
  const program = join(state, `c-${target}`);
  mkdirSync(state, { recursive: true });
  const [compiler = ''] = Object.keys(fuzzCompiler);
  const source = join('native', 'fuzz', `${target}.c`);
  const { status, stderr } = spawnSync(compiler, [...flags, '-o', program, source], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Failure(`${source} does not compile:\n${stderr}`);
  return program;
}

/** Returns the dictionary. @param {string} target @param {string} corpus @param {string} state */
function fillCorpus(target, corpus, state) {
  const source = sources[target];
  mkdirSync(corpus, { recursive: true });
  for (const input of [...(source?.seeds() ?? []), ...knownCases(`c-${target}`)]) {
    writeFileSync(join(corpus, createHash('sha1').update(input).digest('hex')), input);
  }
  const dictionary = join(state, `c-${target}.dict`);
  writeFileSync(dictionary, (source?.words ?? []).map((word) => `"${word}"\n`).join(''));
  return dictionary;
}

/**
 * @param {string} program
 * @param {string} cwd where libFuzzer puts what it names itself
 * @param {string[]} args
 * @returns {Promise<{ code: number | null, output: string }>}
 */
function run(program, cwd, args) {
  // Freed memory kept for longer finds no more here, and takes most of the time.
  const env = { ...process.env, ASAN_OPTIONS: 'quarantine_size_mb=8' };
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk) => {
    output = (output + chunk).slice(-200_000);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}

/** What a sanitizer or a check said, and where the input is. @param {string} output @param {number | null} code */
function explain(output, code) {
  const lines = output.split('\n');
  const first = lines.findIndex((line) => /ERROR: |runtime error|does not hold|libFuzzer: /.test(line));
  const file = lines.find((line) => line.includes('Test unit written to'));
  const shown = first < 0 ? lines.slice(-20) : lines.slice(first, first + 20);
  return [`ended with ${code}`, ...shown, file ?? ''].join('\n');
}
