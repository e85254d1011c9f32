// SPDX-License-Identifier: MIT
// What the tests of the main job do in the emulated machine: run numashard on a demo model, and read what it found.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { readGguf } from '../../../src/gguf/read-gguf.js';
import { bootMachine } from '../../../src/lab/boot.js';
import { demoModelFile } from '../../../src/lab/demo-model-file.js';
import type { ExecOptions, ExecResult, LabMachine } from '../../../src/lab/lab-machine.js';
import type { DemoModelName } from '../../../src/lab/models.js';
import { describeModel } from '../../../src/model/describe-model.js';
import type { ModelTensor } from '../../../src/model/types.js';
import { setting } from '../setting.js';
import type { RunReport } from './judge.js';

/** Ten times what the longest command takes on two host CPUs. */
const timeoutMilliseconds = 300_000;

const environment = {
  // Eight emulated CPUs on two: a worker that spins at a barrier keeps others from reaching it.
  OMP_WAIT_POLICY: 'passive',
  GOMP_SPINCOUNT: '0',
  NODE_COMPILE_CACHE: '/tmp/node-compile-cache',
};

/** As short as a run can be: one token. */
export const oneToken = ['-p', '0', '-n', '1', '-r', '1', '--no-warmup', '-o', 'csv'];

export type Cache = 'cold' | 'warm';

/** Every combination, in 20 minutes; without it each pair of choices is met, in a third of the time. */
export const isThorough = process.env['NUMASHARD_LAB'] === 'thorough';

/** The preload library by itself, as a user sets it up without `numashard run`. */
export const preload = { LD_PRELOAD: '/numashard/native/build/libnumashard.so' };

export async function bootWithModels(
  names: readonly DemoModelName[],
  files: readonly string[] = [],
  machine = 'x86-4n',
): Promise<LabMachine> {
  const models = [...files];
  for (const name of names) models.push(await demoModelFile(name, setting.cacheDirectory));
  return bootMachine({ machine, models, project: true, ...setting });
}

/** Runs, whatever the ending. */
export function exec(
  machine: LabMachine,
  command: readonly string[] | string,
  options: ExecOptions = {},
): Promise<ExecResult> {
  return machine.exec(command, {
    timeoutMilliseconds,
    ...options,
    env: { ...environment, ...options.env },
  });
}

/** Runs; anything but success throws with what was said. */
export function execOk(
  machine: LabMachine,
  command: readonly string[] | string,
  options: ExecOptions = {},
): Promise<ExecResult> {
  return machine.execOk(command, {
    timeoutMilliseconds,
    ...options,
    env: { ...environment, ...options.env },
  });
}

/** `warm`: as a shell's `cat` leaves it, all from one CPU, so that one node holds as much of it as it can. */
export async function prepareCache(machine: LabMachine, model: string, cache: Cache): Promise<void> {
  await execOk(machine, 'sync; echo 3 >/proc/sys/vm/drop_caches');
  if (cache === 'warm') await execOk(machine, ['taskset', '1', 'cat', `/models/${model}.gguf`]);
}

export interface Verified {
  readonly report: RunReport;
  readonly result: ExecResult;
}

/** `numashard run --verify` with every page listed. */
export async function runVerified(
  machine: LabMachine,
  command: readonly string[],
  options: ExecOptions & { readonly flags?: readonly string[]; readonly before?: readonly string[] } = {},
): Promise<Verified> {
  const { flags = [], before = [], ...execOptions } = options;
  const reportFile = `/tmp/report-${options.user ?? 0}.json`;
  const result = await exec(
    machine,
    [
      ...before,
      'numashard',
      'run',
      '--verify',
      '--pages',
      '--report',
      reportFile,
      ...flags,
      '--',
      ...command,
    ],
    execOptions,
  );
  const report = JSON.parse((await machine.readFile(reportFile)).toString()) as RunReport;
  return { report, result };
}

/** The model's tensors, and what `numashard map explain` says of a map for it, both from the file alone. */
export async function readModel(
  name: DemoModelName,
): Promise<{ tensors: readonly ModelTensor[]; path: string }> {
  const path = await demoModelFile(name, setting.cacheDirectory);
  return { tensors: describeModel(await readGguf(path)).tensors, path };
}

export function explainedBound(map: string, modelPath: string, threads: string): number {
  const program = join(setting.projectDirectory, 'bin', 'numashard');
  const words = ['map', 'explain', map, modelPath, '--nodes', '4', '--threads', threads, '--json'];
  const text = execFileSync(process.execPath, [program, ...words], { encoding: 'utf8', maxBuffer: 2 ** 28 });
  return (JSON.parse(text) as { localShareBound: number }).localShareBound;
}

export function said({ stdout, stderr }: ExecResult): string {
  return `${stdout}${stderr}`.trim().slice(-3000);
}

/** What the preload library or the CLI said to the user. */
export function numashardLines({ stderr }: ExecResult): string[] {
  return stderr
    .toString()
    .split('\n')
    .filter((line) => line.startsWith('numashard: '));
}
