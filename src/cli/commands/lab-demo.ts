// SPDX-License-Identifier: MIT
// numashard lab demo: llama.cpp by itself, with --numa distribute, and under numashard, held side by side; on
// this machine where it has several nodes and a llama-bench, else in the emulated one.
import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { bootMachine } from '../../lab/boot.js';
import { type DemoHost, runDemo } from '../../lab/demo.js';
import { resolveModel } from '../../lab/demo-model-file.js';
import { type Comparison, renderComparison } from '../../report/comparison.js';
import { drawComparison } from '../../report/comparison-svg.js';
import { readTopology } from '../../topology/read-topology.js';
import type { CommandContext } from '../context.js';
import { labProgress } from '../lab-progress.js';
import { emit, type JsonOption } from '../output.js';

export interface LabDemoOptions extends JsonOption {
  readonly model: string;
  readonly threads: number;
  readonly machine: string;
  readonly emulated?: boolean;
  readonly svg?: string;
}

/** A demonstration must not depend on how busy two cores are: waiting workers sleep instead of spinning. */
const guestEnvironment = {
  OMP_WAIT_POLICY: 'passive',
  GOMP_SPINCOUNT: '0',
  NODE_COMPILE_CACHE: '/tmp/node-cache',
};

export async function runLabDemo(context: CommandContext, options: LabDemoOptions): Promise<void> {
  const started = performance.now();
  const topology = await readTopology();
  const isHere = topology.nodes.length > 1 && !options.emulated && (await findOnPath('llama-bench', context));
  if (topology.nodes.length > 1 && !isHere && !options.emulated) {
    context.stderr(
      'numashard: no llama-bench on PATH (Debian: llama.cpp-tools): showing it in an emulated machine\n',
    );
  }
  const comparison = isHere ? await demoHere(context, options) : await demoInLab(context, options);
  if (options.svg) await writeFile(options.svg, drawComparison(comparison));
  const seconds = (performance.now() - started) / 1000;
  emit(context, options, { schema: 'numashard/lab-demo/1', ...comparison, seconds }, () =>
    [
      renderComparison(comparison),
      `Took ${seconds.toFixed(0)} s${options.svg ? `; picture: ${options.svg}` : ''}.`,
    ].join('\n'),
  );
}

async function demoInLab(context: CommandContext, options: LabDemoOptions): Promise<Comparison> {
  const progress = labProgress(context);
  const cacheDirectory = join(context.cacheDirectory, 'lab');
  const model = await resolveModel(options.model, cacheDirectory, progress.show);
  const machine = await bootMachine({
    machine: options.machine,
    models: [model],
    project: true,
    projectDirectory: context.projectDirectory,
    cacheDirectory,
    onProgress: progress.show,
  });
  progress.clear();
  try {
    const host: DemoHost = {
      directory: '/tmp',
      model: `/models/${basename(model)}`,
      numashard: ['numashard'],
      readText: async (path) => (await machine.readFile(path)).toString('utf8'),
      run: async (command) => {
        const ended = await machine.exec(command, { env: guestEnvironment });
        if (ended.exitCode !== 0) context.stderr(`${ended.stdout}${ended.stderr}`);
        return ended.exitCode ?? 1;
      },
    };
    const runs = await runDemo(host, options.threads, announce(context));
    const { description, versions } = machine;
    const nodes = `${description.name}, an emulated machine with ${description.nodes.length} NUMA nodes`;
    const programs = `Linux ${versionNumber(versions.kernel)}, Debian's llama.cpp ${versionNumber(versions.llamaCpp)}`;
    return {
      title: `Where ${basename(model)} lies, by the kernel`,
      subtitle: `${nodes}; ${programs}; ${options.threads} threads; warm page cache`,
      runs,
    };
  } finally {
    await machine.stop();
  }
}

async function demoHere(context: CommandContext, options: LabDemoOptions): Promise<Comparison> {
  const model = await resolveModel(options.model, join(context.cacheDirectory, 'lab'));
  const directory = await mkdtemp(join(tmpdir(), 'numashard-demo-'));
  try {
    const host: DemoHost = {
      directory,
      model,
      numashard: [process.execPath, join(context.projectDirectory, 'bin', 'numashard')],
      readText: (path) => readFile(path, 'utf8'),
      run: (command) => runHere(command, context),
    };
    const runs = await runDemo(host, options.threads, announce(context));
    return {
      title: `Where ${basename(model)} lies, by the kernel`,
      subtitle: `this machine, llama-bench from PATH, ${options.threads} threads, warm page cache`,
      runs,
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** `1:0.7.0+dfsg-2` → `0.7.0`: of a Debian version what its author gave it. */
function versionNumber(text: string): string {
  return /(?:^|[ :])(\d+(?:\.\d+)+)(?=[-+~]|$)/.exec(text)?.[1] ?? text;
}

function announce({ stderr }: CommandContext): (name: string, index: number, count: number) => void {
  return (name, index, count) => stderr(`${index}/${count} ${name}\n`);
}

async function findOnPath(program: string, { env }: CommandContext): Promise<boolean> {
  for (const directory of (env['PATH'] ?? '').split(delimiter)) {
    try {
      await access(join(directory, program), constants.X_OK);
      return true;
    } catch {
      // The next directory may have it.
    }
  }
  return false;
}

function runHere(command: readonly string[], { env, stderr }: CommandContext): Promise<number> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...env } });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) stderr(output);
      resolve(code ?? 1);
    });
  });
}
