// SPDX-License-Identifier: MIT
// `npm run bench:run [-- --rounds N] [--threads N] [--tokens N] [--out FILE]`: Debian's llama.cpp on this host, by itself
// and with the preload library, in turn: seconds to load a cached model, tokens per second. See docs/benchmarks.md.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, homedir, loadavg, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { Failure, report } from './failure.mjs';

/** @typedef {{ loadSeconds: number, tokensPerSecond: number }} Sample */
/** @typedef {{ mode: string, residency?: string }} Way -lm of llama.cpp; ours: with the preload library */
/** @typedef {import('../src/lab/host-llama.js').HostLlama} HostLlama */

const root = fileURLToPath(new URL('..', import.meta.url));
const labCache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'numashard', 'lab');
/** Between two starts. Under `chrt` the kernel takes 50 ms of every second from what has had 950 (sched(7)): so that it
 * has no cause to. */
const pauseMilliseconds = 600;
/** Two layers of the shape that Llama 2 7B has, 446 MiB; none of it is repacked: what is loaded is what lies in the file. */
const model = { embedding: 4096, heads: 32, feedForward: 11_008, layers: 2, quantization: 'q8_0' };

/** @type {Readonly<Record<string, Way>>} */
const ways = {
  none: { mode: 'none' },
  private: { mode: 'mmap', residency: 'private' },
  mmap: { mode: 'mmap' },
  'page-cache': { mode: 'mmap', residency: 'page-cache' },
};

await report(async () => {
  const options = parseArgs({
    options: Object.fromEntries(
      ['rounds', 'threads', 'tokens', 'out'].map((name) => [name, { type: /** @type {const} */ ('string') }]),
    ),
  }).values;
  const rounds = whole('rounds', options['rounds'], 20);
  const threads = whole('threads', options['threads'], availableParallelism());
  const tokens = whole('tokens', options['tokens'], 16);
  build();
  const folder = mkdtempSync(join(tmpdir(), 'numashard-bench-'));
  try {
    const result = await measureAll(folder, { rounds, threads, tokens });
    process.stdout.write(`${table(result)}\n`);
    const out = options['out'] ?? join(root, 'native', 'build', 'bench-run.json');
    writeFileSync(out, `${JSON.stringify(result, null, 2)}\n`);
    process.stdout.write(`samples: ${out}\n`);
    if (!result.targets.every(({ isMet }) => isMet)) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** @typedef {Awaited<ReturnType<typeof measureAll>>} Result */

/** @param {string} folder @param {{ rounds: number, threads: number, tokens: number }} options */
async function measureAll(folder, { rounds, threads, tokens }) {
  const dist = (/** @type {string} */ module) => import(new URL(`../dist/${module}`, import.meta.url).href);
  const [{ prepareHostLlama }, { loadMachine }, models, { median, ratioOfMedians }, { asFast, atMost }] =
    await Promise.all(
      ['lab/host-llama.js', 'lab/machine.js', 'lab/models.js', 'bench/ratio.js', 'bench/targets.js'].map(
        dist,
      ),
    );
  const cpuInfo = readFileSync('/proc/cpuinfo', 'utf8');
  const flags = /^flags\s*: (.*)$/m.exec(cpuInfo)?.[1]?.split(' ') ?? [];
  /** @type {HostLlama} */
  const llama = await prepareHostLlama(loadMachine('x86-4n'), labCache, flags);
  const path = join(folder, 'model.gguf');
  await models.buildDemoModel(path, { ...models.demoModels['dense-q8_0'], ...model });
  const timer = compile(folder, 'time-load', '-fPIC', '-shared');
  const warmer = [compile(folder, 'warm-up'), String(1.25 * statSync(path).size), path];
  const words = [
    '-m',
    path,
    '-t',
    String(threads),
    '-p',
    '0',
    '-n',
    String(tokens),
    '-r',
    '1',
    '-o',
    'jsonl',
  ];
  const measure = (/** @type {Way} */ way) => measureOnce(way, { llama, timer, warmer, folder, words });

  /** @type {Record<string, Sample[]>} */
  const samples = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
  // The first of each brings pages in, and where the map wants them.
  for (const way of Object.values(ways)) measure(way);
  const order = Object.entries(ways);
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`);
    for (const [name, way] of order) samples[name]?.push(measure(way));
    order.push(...order.splice(0, 1));
  }
  progress('');

  /** @param {string} ours @param {string} theirs @param {keyof Sample} figure */
  const compare = (ours, theirs, figure) =>
    ratioOfMedians(
      (samples[ours] ?? []).map((sample, round) => ({
        ours: sample[figure],
        theirs: samples[theirs]?.[round]?.[figure],
      })),
    );
  /** @type {import('../src/bench/targets.js').Target[]} */
  const targets = [
    atMost('load, private over -lm none', compare('private', 'none', 'loadSeconds'), 1),
    atMost('load, page-cache over -lm mmap', compare('page-cache', 'mmap', 'loadSeconds'), 1.2),
    asFast('tokens/s, private over -lm mmap', compare('private', 'mmap', 'tokensPerSecond'), 0.99, 0.97),
    asFast(
      'tokens/s, page-cache over -lm mmap',
      compare('page-cache', 'mmap', 'tokensPerSecond'),
      0.99,
      0.97,
    ),
  ];
  const medians = Object.fromEntries(
    Object.entries(samples).map(([name, list]) => [
      name,
      {
        loadSeconds: median(list.map(({ loadSeconds }) => loadSeconds)),
        tokensPerSecond: median(list.map(({ tokensPerSecond }) => tokensPerSecond)),
      },
    ]),
  );
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length, linux: release() };
  const schema = 'numashard/bench-run/1';
  return {
    schema,
    machine,
    load: loadavg()[0] ?? 0,
    options: { rounds, threads, tokens },
    medians,
    targets,
    samples,
  };
}

/**
 * One start of llama-bench.
 * @param {Way} way
 * @param {{ llama: HostLlama, timer: string, warmer: string[], folder: string, words: string[] }} setting
 * @returns {Sample}
 */
function measureOnce({ mode, residency }, { llama, timer, warmer, folder, words }) {
  const [loader = '', ...rest] = llama.command;
  const reportFile = join(folder, 'report.json');
  const library = join(root, 'native', 'build', 'libnumashard.so');
  const ours = residency && {
    GGML_NUMA_SHARD_MAP: '*:0',
    GGML_NUMA_SHARD_RESIDENCY: residency,
    GGML_NUMA_SHARD_REPORT: reportFile,
  };
  rmSync(reportFile, { force: true });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pauseMilliseconds);
  const [warm = '', ...bytes] = warmer;
  spawnSync(warm, bytes, { stdio: 'inherit' });
  const preload = residency ? `${timer}:${library}` : timer;
  // The loader itself is a host's program; what it starts finds both.
  const { status, stdout, stderr, output } = spawnSync(
    loader,
    ['--preload', preload, ...rest, ...words, '-lm', mode],
    {
      encoding: 'utf8',
      env: { ...process.env, ...llama.environment, ...ours },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    },
  );
  const loadSeconds = Number(output?.[3]);
  const tokensPerSecond = Number(/"avg_ts": ([\d.]+)/.exec(stdout)?.[1]);
  if (status !== 0 || !(loadSeconds > 0) || !(tokensPerSecond > 0)) {
    throw new Failure(`llama-bench ended with ${status} and no figures:\n${stderr}`);
  }
  if (residency) checkReport(reportFile, residency);
  return { loadSeconds, tokensPerSecond };
}

/** A library that did nothing would cost nothing. @param {string} file @param {string} residency */
function checkReport(file, residency) {
  /** @type {import('../src/runtime/preload-report.js').PreloadReport} */
  const held = JSON.parse(readFileSync(file, 'utf8'));
  const mapped = held.tensors.filter(({ fileOffset }) => fileOffset !== null);
  const asAsked = mapped.filter((tensor) => tensor.residency === residency).length;
  const wrong = held.misplacedBytes + held.absentBytes + held.unknownBytes;
  if (mapped.length > 0 && asAsked === mapped.length && held.placedBytes > 0 && wrong === 0) return;
  throw new Failure(
    `${asAsked} of ${mapped.length} mapped tensors are ${residency}; ${held.placedBytes} bytes placed, ${wrong} of them not where the map wants them`,
  );
}

/**
 * A program or library of lab/host.
 * @param {string} folder
 * @param {string} name
 * @param {string[]} options
 */
function compile(folder, name, ...options) {
  const output = join(folder, name);
  const source = join(root, 'lab', 'host', `${name}.c`);
  const flags = ['-std=c11', '-D_GNU_SOURCE', '-O2', ...options, '-o', output, source, '-ldl'];
  const { status, stderr } = spawnSync(process.env['CC'] || 'cc', flags, { encoding: 'utf8' });
  if (status !== 0) throw new Failure(`${source} does not compile:\n${stderr}`);
  return output;
}

/** @param {Result} result */
function table({ machine, load, options, medians, targets }) {
  const line = (/** @type {string[]} */ ...cells) =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(36) : cell.padStart(14))).join('');
  return [
    `${machine.cpu}, ${machine.cpus} CPUs, Linux ${machine.linux}, load ${load.toFixed(1)}; ${options.rounds} rounds, ${options.threads} threads`,
    line('median of', 'load, ms', 'tokens/s'),
    ...Object.entries(medians).map(([name, { loadSeconds, tokensPerSecond }]) =>
      line(
        ways[name]?.residency ? `numashard, ${name}` : `llama.cpp, -lm ${name}`,
        (loadSeconds * 1000).toFixed(1),
        tokensPerSecond.toFixed(2),
      ),
    ),
    line('ratio of medians', 'ratio', '95 % interval', ''),
    ...targets.map(
      ({ name, ratio, wanted, isMet }) =>
        `${line(name, ratio.ratio.toFixed(3), `${ratio.low.toFixed(3)}-${ratio.high.toFixed(3)}`)}  ${isMet ? 'met' : 'MISSED'}: ${wanted}`,
    ),
  ].join('\n');
}

/** @param {string} text on a terminal only */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

/** @param {string} name @param {string | undefined} text @param {number} fallback */
function whole(name, text, fallback) {
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Failure(`--${name} is "${text}", wanted a whole number from 1`, undefined, 2);
}
