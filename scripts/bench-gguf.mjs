// SPDX-License-Identifier: MIT
// `npm run bench:gguf [-- --out FILE]`: reads a header of DeepSeek's size with numashard, with the real ggml and with
// @huggingface/gguf, in turn, each in a process of its own that stays; and runs `inspect --json` on it as a whole.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { cpus, homedir, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Contender } from './bench/contender.mjs';
import { writeDeepSeekHeader } from './bench/deepseek-header.mjs';
import { build } from './build.mjs';
import { Failure, report } from './failure.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const labCache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'numashard', 'lab');
const rounds = 15;
/** No dependency of the project: fetched for the bench alone. */
const huggingFace = '@huggingface/gguf@0.4.6';
const limits = { timesGgml: 2, timesFaster: 25, inspectSeconds: 0.25 };

await report(async () => {
  const { values } = parseArgs({ options: { out: { type: 'string' } } });
  build();
  const folder = mkdtempSync(join(tmpdir(), 'numashard-bench-'));
  try {
    const result = await measureAll(folder);
    process.stdout.write(`${table(result)}\n`);
    if (values.out) writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`);
    if (!result.targets.every(({ isMet }) => isMet)) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** @typedef {Awaited<ReturnType<typeof measureAll>>} Result */

/** @param {string} folder */
async function measureAll(folder) {
  const path = join(folder, 'model.gguf');
  const dist = (/** @type {string} */ module) => import(new URL(`../dist/${module}`, import.meta.url).href);
  const [{ writeGguf }, encode, { median }] = await Promise.all(
    ['gguf/write-gguf.js', 'gguf/encode.js', 'bench/ratio.js'].map(dist),
  );
  const held = await writeDeepSeekHeader(path, { writeGguf, encode });
  const ours = readAgain('dist/gguf/read-gguf.js', 'readGguf');
  const contenders = {
    numashard: new Contender('numashard', ours),
    all: new Contender('numashard, tokens too', [...ours, '{"maxArrayLength":"all"}']),
    ggml: new Contender('gguf_init_from_file', await ggmlCommand(folder, dist)),
    huggingFace: new Contender('@huggingface/gguf', huggingFaceCommand(folder)),
  };
  /** @type {number[]} */
  const inspect = [];
  /** @type {number[]} */
  const bare = [];
  readFileSync(path);
  const order = Object.values(contenders);
  for (let round = 0; round < rounds; round++) {
    for (const contender of order) await contender.measure(path);
    inspect.push(nodeSeconds([join(root, 'bin/numashard'), 'inspect', path, '--json']));
    bare.push(nodeSeconds(['-e', '0']));
    order.push(...order.splice(0, 1));
  }
  for (const contender of order) contender.stop();
  const seconds = Object.fromEntries(
    Object.values(contenders).map(({ name, samples }) => [name, { median: median(samples), samples }]),
  );
  const own = median(contenders.numashard.samples);
  const targets = [
    atMost('times of gguf_init_from_file', own / median(contenders.ggml.samples), limits.timesGgml),
    atLeast(
      'times as fast as @huggingface/gguf',
      median(contenders.huggingFace.samples) / own,
      limits.timesFaster,
    ),
    atMost('seconds of inspect --json', median(inspect), limits.inspectSeconds),
  ];
  return {
    schema: 'numashard/bench-gguf/1',
    file: { byteLength: statSync(path).size, ...held },
    machine: { cpu: cpus()[0]?.model ?? 'unknown', node: process.versions.node, load: loadavg()[0] ?? 0 },
    rounds,
    seconds: {
      ...seconds,
      'inspect --json, whole process': { median: median(inspect), samples: inspect },
      'node -e 0, whole process': { median: median(bare), samples: bare },
    },
    targets,
  };
}

/**
 * @param {string} module
 * @param {string} name
 */
function readAgain(module, name) {
  return [process.execPath, join(root, 'scripts/bench/read-again.mjs'), join(root, module), name];
}

/**
 * @param {string} folder
 * @param {(module: string) => Promise<any>} dist
 */
async function ggmlCommand(folder, dist) {
  const [{ guestLibraries, withLibraries }, { loadMachine }] = await Promise.all([
    dist('lab/guest-libraries.js'),
    dist('lab/machine.js'),
  ]);
  const program = join(folder, 'ask-ggml');
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-o', program];
  run(process.env['CC'] || 'cc', [...flags, join(root, 'lab/host/ask-ggml.c'), '-ldl'], root);
  return withLibraries(await guestLibraries(loadMachine('x86-4n'), labCache), program, 'time');
}

/** @param {string} folder */
function huggingFaceCommand(folder) {
  run(
    'npm',
    ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', folder, huggingFace],
    folder,
  );
  const module = join(folder, 'node_modules/@huggingface/gguf/dist/index.mjs');
  return [
    ...[process.execPath, join(root, 'scripts/bench/read-again.mjs'), module, 'gguf'],
    '{"allowLocalFile":true}',
  ];
}

/** @param {string[]} words */
function nodeSeconds(words) {
  const start = process.hrtime.bigint();
  run(process.execPath, words, root);
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} cwd
 */
function run(program, args, cwd) {
  const { status, error, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (status === 0) return;
  throw new Failure(
    `${program} ${args.join(' ')}: ${error?.message ?? `exit code ${status}: ${stderr.slice(-500)}`}`,
  );
}

/**
 * @param {string} what
 * @param {number} value
 * @param {number} limit
 */
function atMost(what, value, limit) {
  return { what, value, limit: `at most ${limit}`, isMet: value <= limit };
}

/**
 * @param {string} what
 * @param {number} value
 * @param {number} limit
 */
function atLeast(what, value, limit) {
  return { what, value, limit: `at least ${limit}`, isMet: value >= limit };
}

/** @param {Result} result */
function table({ file, machine, seconds, targets }) {
  const row = (/** @type {string[]} */ [name = '', ...cells]) =>
    `${name.padEnd(36)}${cells.map((cell) => cell.padStart(10)).join('')}`;
  const milliseconds = (/** @type {number} */ value) => (1000 * value).toFixed(1);
  return [
    `${(file.byteLength / 1e6).toFixed(1)} MB, ${file.tensors} tensors, ${file.strings} strings; ${machine.cpu}, Node.js ${machine.node}`,
    `${cpus().length} CPUs, load ${machine.load.toFixed(1)}: above 1, others' work is in these figures`,
    '',
    row([`milliseconds, ${rounds} rounds`, 'median', 'least', 'first']),
    ...Object.entries(seconds).map(([name, { median: middle, samples }]) =>
      row([name, ...[middle, Math.min(...samples), samples[0] ?? Number.NaN].map(milliseconds)]),
    ),
    '',
    ...targets.map(({ what, value, limit, isMet }) =>
      row([what, value.toFixed(2), ` ${limit}`, isMet ? 'met' : 'MISSED']),
    ),
  ].join('\n');
}
