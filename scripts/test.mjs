// SPDX-License-Identifier: MIT
// `npm test`: sets up, checks, builds, runs every test, and ends with one line that counts them all.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure, report } from './failure.mjs';
import { testPackages } from './host-packages.mjs';
import { nodeLlamaLibraries } from './node-llama-libraries.mjs';
import { setUp } from './setup.mjs';
import { countLine, countTests, sumCounts } from './test-count.mjs';

/** @typedef {import('./test-count.mjs').TestCount} TestCount */

const labCache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'numashard', 'lab');
const root = fileURLToPath(new URL('..', import.meta.url));
/** @type {TestCount[]} */
const counts = [];
// vitest takes CI=true for a terminal with colours.
if (!process.stdout.isTTY) process.env['NO_COLOR'] ??= '1';

await report(runAll);
if (process.exitCode && sumCounts(counts).failed === 0) counts.push({ passed: 0, failed: 1, skipped: 0 });
process.stdout.write(`${countLine(sumCounts(counts))}\n`);

async function runAll() {
  setUp(testPackages);
  const isChecked = runStep('check', 'npm', ['run', '--silent', 'check']);
  // Tests of bin/numashard would speak of an older build.
  if (!runStep('build', process.execPath, ['scripts/build.mjs'])) throw new Failure('no test was run');
  const unit = runTests('unit');
  const compilers = runTests('compilers');
  const [fuzzed] = await Promise.all([runFuzzers(), prepareGuest()]);
  const lab = runTests('lab');
  for (const [name, { passed, skipped }] of Object.entries({ compilers, lab })) {
    if (passed === 0 || skipped > 0) throw new Failure(`${name} tests were skipped`);
  }
  if (!isChecked || unit.failed + compilers.failed + fuzzed.failed + lab.failed > 0) process.exitCode = 1;
}

/**
 * @param {string} name
 * @param {string} program
 * @param {string[]} args
 */
function runStep(name, program, args) {
  process.stdout.write(`\n${name}\n`);
  const { status } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  const hasPassed = status === 0;
  counts.push({ passed: Number(hasPassed), failed: Number(!hasPassed), skipped: 0 });
  return hasPassed;
}

/**
 * Runs one of vitest.config.ts's projects.
 * @param {'unit' | 'compilers' | 'lab'} project
 */
function runTests(project) {
  process.stdout.write(`\n${project} tests\n`);
  const directory = mkdtempSync(join(tmpdir(), 'numashard-tests-'));
  const file = join(directory, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  try {
    const vitest = join(root, 'node_modules', '.bin', 'vitest');
    const { status } = spawnSync(vitest, ['run', '--project', project, ...reporters], {
      cwd: root,
      stdio: 'inherit',
    });
    const count = countTests(readReport(file), status !== 0);
    counts.push(count);
    return count;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A minute for each parser; what is downloaded meanwhile needs no processor. */
async function runFuzzers() {
  // Not before npm's packages are there.
  const { fuzz, randomSeed } = await import('./fuzz.mjs');
  process.stdout.write('\nfuzzing\n');
  const results = await fuzz([], { seconds: 60, executions: Number.POSITIVE_INFINITY, seed: randomSeed() });
  const failed = results.filter(({ failure }) => failure !== null).length;
  const count = { passed: results.length - failed, failed, skipped: 0 };
  counts.push(count);
  return count;
}

/** @param {string} file */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return null;
  }
}

/** Downloads are no part of the tests, whose time limits they would eat into. */
async function prepareGuest() {
  const load = (/** @type {string} */ module) =>
    import(new URL(`../dist/lab/${module}`, import.meta.url).href);
  const [{ prepareGuestImage }, { loadMachine, kernelNames }, { prepareDebianLlama }, { searchToolsIn }] =
    await Promise.all(['guest-image.js', 'machine.js', 'debian-llama.js', 'host-tools.js'].map(load));
  searchToolsIn(process.env['PATH']);
  process.stdout.write('\n');
  const systems = [
    ...kernelNames.map((/** @type {string} */ kernel) => ({ ...loadMachine('x86-4n'), kernel })),
    loadMachine('power8-s824'),
  ];
  for (const machine of systems) {
    await prepare(`the guest system for ${machine.architecture}`, async () => {
      const { versions } = await prepareGuestImage(machine, labCache);
      const { kernel, llamaCpp, ggml, node } = versions;
      process.stdout.write(
        `lab, ${machine.architecture}: ${kernel}, llama.cpp ${llamaCpp}, ggml ${ggml}, Node.js ${node}\n`,
      );
    });
  }
  await prepare("Debian's llama.cpp for this machine", () => prepareDebianLlama(labCache));
  await prepare("node-llama-cpp's libraries", () => nodeLlamaLibraries(labCache));
}

/**
 * @param {string} what
 * @param {() => unknown} work
 */
async function prepare(what, work) {
  const start = performance.now();
  try {
    await work();
    const seconds = (performance.now() - start) / 1000;
    if (seconds > 1) process.stdout.write(`set-up: ${what}, ${seconds.toFixed(1)} s of downloads\n`);
  } catch (thrown) {
    // The tests that need it will fail and say so again, each in its place.
    process.stderr.write(`error: ${what}: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  }
}
