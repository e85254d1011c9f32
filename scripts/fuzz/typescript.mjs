// SPDX-License-Identifier: MIT
// Runs one TypeScript target in a thread, watches it, and keeps what it found under native/build/fuzz.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { knownCases } from './seeds.mjs';

/** @typedef {import('./worker.mjs').WorkerResult} WorkerResult */
/** @typedef {import('./options.mjs').FuzzOptions} FuzzOptions */
/** @typedef {import('./options.mjs').FuzzResult} FuzzResult */

/** Longest an input may take. Parsers here need milliseconds; the machine may be busy. */
const hangSeconds = 20;
/** Of a parser whose inputs have 16 KiB. */
const memoryMebibytes = 512;
const maxInputBytes = 1 << 16;

/**
 * @param {string} target of targets.mjs
 * @param {{ folder: string, counters: number }} build instrumented copy of dist/
 * @param {string} state folder for corpus and crashes
 * @param {FuzzOptions} options
 * @returns {Promise<FuzzResult>}
 */
export async function fuzzTypeScript(target, build, state, { seed, seconds, executions }) {
  const name = `ts/${target}`;
  const shared = new SharedArrayBuffer(8 + maxInputBytes);
  const corpusFolder = join(state, 'corpus', `ts-${target}`);
  mkdirSync(corpusFolder, { recursive: true });
  const corpus = [
    ...knownCases(target),
    ...readdirSync(corpusFolder).map((file) => readFileSync(join(corpusFolder, file))),
  ];
  const start = performance.now();
  const worker = new Worker(new URL('worker.mjs', import.meta.url), {
    workerData: {
      target,
      build: build.folder,
      counters: build.counters,
      seed,
      seconds,
      executions,
      shared,
      corpus,
    },
    resourceLimits: { maxOldGenerationSizeMb: memoryMebibytes },
  });
  const ended = await watch(worker, shared);
  const result = 'stopped' in ended ? stoppedResult(ended.stopped, shared, start) : ended;
  for (const input of result.corpus) save(corpusFolder, input);
  const failure = result.failure && {
    ...result.failure,
    file: save(join(state, 'crashes'), result.failure.input, `ts-${target}-`),
  };
  return {
    name,
    executions: result.executions,
    seconds: result.seconds,
    coverage: result.branches,
    corpus: result.corpus.length,
    failure: failure ? `${failure.message}\ninput: ${failure.file}` : null,
  };
}

/**
 * @param {Worker} worker
 * @param {SharedArrayBuffer} shared
 * @returns {Promise<WorkerResult | { stopped: string }>}
 */
async function watch(worker, shared) {
  const header = new Int32Array(shared, 0, 2);
  let last = -1;
  let since = performance.now();
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  try {
    return await new Promise((resolve) => {
      timer = setInterval(() => {
        const count = Atomics.load(header, 0);
        if (count !== last) [last, since] = [count, performance.now()];
        else if (performance.now() - since > hangSeconds * 1000)
          resolve({ stopped: `took over ${hangSeconds} s` });
      }, 500);
      worker.once('message', resolve);
      worker.once('error', (error) => resolve({ stopped: error.stack ?? error.message }));
      worker.once('exit', (code) => resolve({ stopped: `the thread ended with ${code}` }));
    });
  } finally {
    clearInterval(timer);
    await worker.terminate();
  }
}

/** @param {string} message @param {SharedArrayBuffer} shared @param {number} start @returns {WorkerResult} */
function stoppedResult(message, shared, start) {
  const [executions = 0, length = 0] = new Int32Array(shared, 0, 2);
  const input = new Uint8Array(shared, 8, length).slice();
  const seconds = (performance.now() - start) / 1000;
  return { executions, seconds, branches: 0, corpus: [], failure: { input, message } };
}

/** @param {string} folder @param {Uint8Array} input @param {string} [prefix] */
function save(folder, input, prefix = '') {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, prefix + createHash('sha1').update(input).digest('hex'));
  if (!existsSync(file)) writeFileSync(file, input);
  return file;
}
