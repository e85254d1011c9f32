// SPDX-License-Identifier: MIT
// `npm run fuzz -- [TARGET…] [--seconds N | --executions N] [--seed N]`: feeds parsers what nobody would write.
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from './build.mjs';
import { Failure, report } from './failure.mjs';
import { instrumentFolder } from './fuzz/instrument.mjs';
import { fuzzNative, nativeTargets, requireFuzzer } from './fuzz/native.mjs';
import { countedFolders, targets as typeScriptTargets } from './fuzz/targets.mjs';
import { fuzzTypeScript } from './fuzz/typescript.mjs';

/** @typedef {import('./fuzz/options.mjs').FuzzOptions} FuzzOptions */
/** @typedef {import('./fuzz/options.mjs').FuzzResult} FuzzResult */

const root = fileURLToPath(new URL('..', import.meta.url));
const state = join(root, 'native', 'build', 'fuzz');
const allTargets = [
  ...Object.keys(typeScriptTargets).map((name) => `ts/${name}`),
  ...nativeTargets.map((name) => `c/${name}`),
];

/**
 * Runs targets, two at a time, and prints a table.
 * @param {readonly string[]} words names, or what follows the slash for both languages; none: all
 * @param {FuzzOptions} options
 */
export async function fuzz(words, options) {
  const chosen = choose(words);
  if (chosen.some((name) => name.startsWith('c/'))) requireFuzzer();
  const folder = join(state, 'counted');
  const usesCounters = chosen.some((name) => name.startsWith('ts/'));
  const counters = usesCounters ? instrumentFolder(join(root, 'dist'), folder, countedFolders) : 0;
  process.stdout.write(
    `seed ${options.seed}\n${row('target', 'executions', 'a second', 'branches', 'corpus')}\n`,
  );
  /** @type {FuzzResult[]} */
  const results = [];
  const waiting = [...chosen];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const [language, target = ''] = name.split('/');
      const result =
        language === 'ts'
          ? await fuzzTypeScript(target, { folder, counters }, state, options)
          : await fuzzNative(target, state, options);
      process.stdout.write(`${describe(result)}\n`);
      results.push(result);
    }
  };
  await Promise.all([work(), work()]);
  return results;
}

/** @param {readonly string[]} words */
function choose(words) {
  for (const word of words) {
    if (allTargets.some((name) => name === word || name.endsWith(`/${word}`))) continue;
    throw new Failure(`no fuzz target "${word}"`, `targets: ${allTargets.join(' ')}`, 2);
  }
  if (words.length === 0) return allTargets;
  return allTargets.filter((name) => words.some((word) => name === word || name.endsWith(`/${word}`)));
}

/** @param {FuzzResult} result */
function describe({ name, executions, seconds, coverage, corpus, failure }) {
  const rate = Math.round(executions / Math.max(seconds, 1));
  const line = row(
    name,
    ...[executions, rate, coverage, corpus].map((number) => number.toLocaleString('en')),
  );
  return failure === null ? line : `${line}  FAILED\n${failure}`;
}

/** @param {readonly string[]} cells */
function row(...cells) {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(10) : cell.padStart(13))).join('');
}

/** @param {string} name @param {string | undefined} text @param {number} fallback */
function whole(name, text, fallback) {
  if (text === undefined) return fallback;
  if (/^[1-9]\d{0,11}$/.test(text)) return Number(text);
  throw new Failure(`--${name} is "${text}", wanted a whole number from 1`, undefined, 2);
}

async function main() {
  const options = {
    seconds: { type: /** @type {const} */ ('string') },
    executions: { type: /** @type {const} */ ('string') },
    seed: { type: /** @type {const} */ ('string') },
  };
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const hasCount = values.executions !== undefined;
  build();
  const results = await fuzz(positionals, {
    seconds: whole('seconds', values.seconds, hasCount ? 1e6 : 60),
    executions: whole('executions', values.executions, 1e12),
    seed: whole('seed', values.seed, randomSeed()),
  });
  if (results.some(({ failure }) => failure !== null)) process.exitCode = 1;
}

/** Another one each time; it is printed. */
export function randomSeed() {
  return 1 + Math.floor(Math.random() * 2 ** 31);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await report(main);
