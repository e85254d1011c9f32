// SPDX-License-Identifier: MIT
// One TypeScript target in a thread of its own. The input at hand lies in shared memory, so that the thread that
// watches has it when this one hangs or runs out of memory.
import { parentPort, workerData } from 'node:worker_threads';
import { Corpus } from './corpus.mjs';
import { mutate } from './mutate.mjs';
import { randomFrom } from './random.mjs';
import { targets } from './targets.mjs';

/** @typedef {{ target: string, build: string, counters: number, seed: number, seconds: number, executions: number,
 *    shared: SharedArrayBuffer, corpus: Uint8Array[] }} WorkerData */
/** @typedef {{ executions: number, seconds: number, branches: number, corpus: Uint8Array[], failure: Found | null }} WorkerResult */
/** @typedef {{ input: Uint8Array, message: string }} Found */

/** @type {WorkerData} */
const data = workerData;
const header = new Int32Array(data.shared, 0, 2);
const inputAtHand = new Uint8Array(data.shared, 8);
const counters = new Uint32Array(data.counters);
Object.assign(globalThis, { fuzzCounters: counters });

const start = performance.now();
const open = targets[data.target];
if (!open) throw new Error(`no target ${data.target}`);
const target = await open((module) => import(new URL(`${data.build}/${module}`, 'file:').href));
const maxLength = Math.min(target.maxLength ?? 4096, inputAtHand.length);
counters.fill(0);
parentPort?.postMessage(await fuzz());

/** @returns {Promise<WorkerResult>} */
async function fuzz() {
  const random = randomFrom(data.seed);
  const corpus = new Corpus(counters);
  const end = start + data.seconds * 1000;
  let executions = 0;
  /** @type {Found | null} */
  let failure = null;

  /** @param {Uint8Array} input */
  const tryOut = async (input) => {
    executions++;
    const message = await execute(input);
    if (message !== null) failure = await shorten({ input: input.slice(), message });
    else corpus.judge(input);
  };

  for (const input of [...target.seeds, ...data.corpus]) {
    if (!failure) await tryOut(input.subarray(0, maxLength));
  }
  while (!failure && executions < data.executions && (executions % 64 !== 0 || performance.now() < end)) {
    const input = mutate(corpus.choose(random), corpus.choose(random), target.tokens, maxLength, random);
    await tryOut(input);
  }
  const seconds = (performance.now() - start) / 1000;
  return { executions, seconds, branches: corpus.branches, corpus: corpus.entries, failure };
}

/** What went wrong, null: nothing. @param {Uint8Array} input */
async function execute(input) {
  inputAtHand.set(input);
  Atomics.store(header, 1, input.length);
  Atomics.add(header, 0, 1);
  try {
    // Most targets answer at once, and waiting costs as much as a short run.
    const done = target.run(input);
    if (done) await done;
    return null;
  } catch (thrown) {
    return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
}

/** The shortest input that is found to fail in the same way by leaving pieces out. @param {Found} found */
async function shorten(found) {
  const kind = firstLine(found.message);
  let { input } = found;
  for (let piece = input.length >> 1, left = 5000; piece > 0; piece >>= 1) {
    for (let at = 0; at < input.length && left > 0; left--) {
      const shorter = Buffer.concat([input.subarray(0, at), input.subarray(at + piece)]);
      const message = await execute(shorter);
      if (message !== null && firstLine(message) === kind) input = shorter;
      else at += piece;
    }
  }
  return { input, message: found.message };
}

/** @param {string} text */
function firstLine(text) {
  return text.split('\n', 1)[0]?.replace(/[\d"].*/, '') ?? '';
}
