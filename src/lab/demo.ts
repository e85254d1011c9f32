// SPDX-License-Identifier: MIT
// The demonstration: one model, one unmodified llama.cpp, run in four ways one after another, and each time the
// same question to the kernel: where is every page, where does every worker run?
import { NumashardError } from '../errors.js';
import type { ComparedRun } from '../report/comparison.js';
import type { Verification } from '../verify/types.js';

/** Where the demonstration runs: an emulated machine, or this one. */
export interface DemoHost {
  /** Runs a command with its output passed on; resolves with the exit code. */
  run(command: readonly string[]): Promise<number>;
  readText(path: string): Promise<string>;
  /** A folder for the reports. */
  readonly directory: string;
  /** Path of the model there. */
  readonly model: string;
  /** How numashard is called there. */
  readonly numashard: readonly string[];
}

interface DemoStep {
  readonly name: string;
  /** As a user would type it. */
  readonly shown: string;
  readonly before: readonly (readonly string[])[];
  readonly command: readonly string[];
}

export type OnDemoStep = (name: string, index: number, count: number) => void;

export async function runDemo(host: DemoHost, threads: number, onStep: OnDemoStep): Promise<ComparedRun[]> {
  const steps = demoSteps(host, threads);
  // A model that was just downloaded or used lies in the page cache: the state most runs start from.
  await host.run(['sh', '-c', `cat '${host.model}' > /dev/null`]);
  const runs: ComparedRun[] = [];
  for (const [index, step] of steps.entries()) {
    onStep(step.name, index + 1, steps.length);
    runs.push(await runStep(host, step, index));
  }
  return runs;
}

function demoSteps({ model, numashard }: DemoHost, threads: number): DemoStep[] {
  const bench = [
    'llama-bench',
    '-m',
    model,
    '-t',
    `${threads}`,
    '-p',
    '0',
    '-n',
    '1',
    '-r',
    '1',
    '--no-warmup',
  ];
  const observe = [...numashard, 'run', '--map', 'observe', '--verify'];
  const distribute = ['--numa', 'distribute'];
  return [
    {
      name: 'llama.cpp',
      shown: `llama-bench -t ${threads}`,
      before: [],
      command: [...observe, '--', ...bench],
    },
    {
      name: 'llama.cpp, NUMA-aware',
      shown: `llama-bench -t ${threads} --numa distribute`,
      before: [],
      command: [...observe, '--', ...bench, ...distribute],
    },
    {
      name: 'numashard place, no preload',
      shown: `numashard place -t ${threads} ; llama-bench -t ${threads} --numa distribute --repack 0`,
      before: [[...numashard, 'place', model, '-t', `${threads}`]],
      command: [...observe, '--', ...bench, ...distribute, '--repack', '0'],
    },
    {
      name: 'numashard run',
      shown: `numashard run -- llama-bench -t ${threads}`,
      before: [],
      command: [...numashard, 'run', '--verify', '--', ...bench],
    },
  ];
}

async function runStep(host: DemoHost, step: DemoStep, index: number): Promise<ComparedRun> {
  const report = `${host.directory}/demo-${index}.json`;
  const separator = step.command.indexOf('--');
  const command = step.command.toSpliced(separator, 0, '--report', report);
  for (const words of step.before) await mustRun(host, words);
  const started = performance.now();
  await mustRun(host, command);
  const seconds = (performance.now() - started) / 1000;
  const found = JSON.parse(await host.readText(report)) as Verification;
  return { name: step.name, command: step.shown, seconds, found };
}

async function mustRun(host: DemoHost, command: readonly string[]): Promise<void> {
  const code = await host.run(command);
  if (code === 0) return;
  throw new NumashardError('lab-failed', `${command.join(' ')} ended with code ${code}`, {
    exitCode: 1,
    hint: 'its output stands above',
  });
}
