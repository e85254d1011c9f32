// SPDX-License-Identifier: MIT
// numashard lab demo: llama.cpp by itself, with --numa distribute, and under numashard, held side by side; on
// this machine where it has several nodes, else in the emulated one.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { NumashardError } from '../../errors.js';
import { bootMachine } from '../../lab/boot.js';
import { type DebianLlama, prepareDebianLlama } from '../../lab/debian-llama.js';
import { type DemoHost, runDemo } from '../../lab/demo.js';
import { resolveModel } from '../../lab/demo-model-file.js';
import { searchToolsIn } from '../../lab/host-tools.js';
import { type Comparison, renderComparison } from '../../report/comparison.js';
import { drawComparison } from '../../report/comparison-svg.js';
import { findProgram } from '../../runtime/find-program.js';
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
  const { PATH } = context.env;
  searchToolsIn(PATH);
  const topology = await readTopology();
  const isHere = topology.nodes.length > 1 && !options.emulated;
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
  const llama = await findLlamaBench(context);
  const env = llama === null ? context.env : withPath(context.env, llama.binDirectory);
  const model = await resolveModel(options.model, join(context.cacheDirectory, 'lab'));
  const directory = await mkdtemp(join(tmpdir(), 'numashard-demo-'));
  try {
    const host: DemoHost = {
      directory,
      model,
      // Not bin/numashard, which in an archive is a shell's.
      numashard: [process.execPath, join(context.projectDirectory, 'dist', 'cli', 'main.js')],
      readText: (path) => readFile(path, 'utf8'),
      run: (command) => runHere(command, { ...context, env }),
    };
    const runs = await runDemo(host, options.threads, announce(context));
    return {
      title: `Where ${basename(model)} lies, by the kernel`,
      subtitle: `this machine; ${llama === null ? 'llama-bench from PATH' : `Debian's llama.cpp ${versionNumber(llama.version)}`}; ${options.threads} threads; warm page cache`,
      runs,
    };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** null: there is one on PATH. Otherwise Debian's, in the cache. */
async function findLlamaBench(context: CommandContext): Promise<DebianLlama | null> {
  const { PATH } = context.env;
  if ((await findProgram('llama-bench', PATH)) !== null) return null;
  const progress = labProgress(context);
  try {
    return await prepareDebianLlama(join(context.cacheDirectory, 'lab'), progress.show);
  } catch (cause) {
    if (!(cause instanceof NumashardError)) throw cause;
    const message = `no llama-bench on PATH, and Debian's cannot be had here: ${cause.message}`;
    throw new NumashardError('lab-missing-tool', message, {
      exitCode: 4,
      hint: 'put one on PATH (Debian: llama.cpp-tools; github.com/ggml-org/llama.cpp/releases), or --emulated, which needs QEMU',
      cause,
    });
  } finally {
    progress.clear();
  }
}

function withPath(env: CommandContext['env'], directory: string): CommandContext['env'] {
  const { PATH } = env;
  return { ...env, PATH: PATH ? `${directory}:${PATH}` : directory };
}

/** `1:0.7.0+dfsg-2` → `0.7.0`: of a Debian version what its author gave it. */
function versionNumber(text: string): string {
  return /(?:^|[ :])(\d+(?:\.\d+)+)(?=[-+~]|$)/.exec(text)?.[1] ?? text;
}

function announce({ stderr }: CommandContext): (name: string, index: number, count: number) => void {
  return (name, index, count) => stderr(`${index}/${count} ${name}\n`);
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
