// SPDX-License-Identifier: MIT
// Compiles libnumashard.so, a small fake ggml and a program that uses it, and runs the program's scenarios.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];
const native = fileURLToPath(new URL('../../native/', import.meta.url));

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface PreloadBuild {
  readonly library: string;
  /** Runs one scenario of native/test/preload-host.c under the library. */
  run(scenario: string, env?: Readonly<Record<string, string>>): Outcome;
  /** The report that the last run left. */
  readReport(): unknown;
}

export interface PreloadWorkshop {
  build(name: string, compiler: string, flags?: readonly string[]): PreloadBuild;
  remove(): void;
}

/** Absolute paths of the C files of a folder of native/. */
export function sourcesIn(folder: string): string[] {
  const names = readdirSync(join(native, folder)).filter((name) => name.endsWith('.c'));
  return names.map((name) => join(native, folder, name));
}

export function hasCompiler(compiler: string): boolean {
  return process.platform === 'linux' && spawnSync(compiler, ['--version']).status === 0;
}

/** The compiler's sanitizer libraries, which must come first in LD_PRELOAD; null where it has none. */
export function sanitizerLibraries(compiler: string): string[] | null {
  if (!hasCompiler(compiler)) return null;
  const find = (name: string): string =>
    execFileSync(compiler, [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  const libraries = ['libasan.so', 'libubsan.so'].map(find);
  return libraries.every((path) => path.startsWith('/') && existsSync(path)) ? libraries : null;
}

export function openPreloadWorkshop(): PreloadWorkshop {
  const folder = mkdtempSync(join(tmpdir(), 'numashard-preload-'));
  return {
    build: (name, compiler, flags = []) => buildPreload(join(folder, name), compiler, flags),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function buildPreload(folder: string, compiler: string, flags: readonly string[]): PreloadBuild {
  mkdirSync(folder);
  // ggml's own builds let a preload stand in front of calls inside one file; some compilers must be asked to.
  const common = [
    '-std=c11',
    '-D_GNU_SOURCE',
    '-O1',
    '-g',
    '-pthread',
    '-Wall',
    '-Wextra',
    '-Werror',
    ...flags,
  ];
  const shared = [...common, '-fPIC', '-shared', '-fno-inline', '-fsemantic-interposition'];
  const compile = (options: readonly string[], output: string, sources: readonly string[]): string => {
    const path = join(folder, output);
    execFileSync(compiler, [...options, '-o', path, ...sources], { stdio: ['ignore', 'ignore', 'pipe'] });
    return path;
  };
  const source = (name: string): string => join(native, 'test', name);
  compile(shared, 'libggml-base.so', [source('fake-ggml-base.c')]);
  compile(shared, 'libggml-cpu.so', [source('fake-ggml-cpu.c')]);
  const linked = [`-L${folder}`, '-lggml-base', '-lggml-cpu', '-Wl,-rpath,$ORIGIN'];
  const host = compile(common, 'host', [source('preload-host.c'), ...linked]);
  const hidden = [
    '-fvisibility=hidden',
    `-Wl,--version-script=${join(native, 'preload/exports.map')}`,
    '-Wl,-z,now',
  ];
  const library = compile([...common, '-fPIC', '-shared', ...hidden], 'libnumashard.so', [
    ...sourcesIn('preload'),
    '-ldl',
  ]);
  const first = flags.length > 0 ? (sanitizerLibraries(compiler) ?? []) : [];
  const report = join(folder, 'report.json');
  return {
    library,
    run(scenario, env = {}) {
      rmSync(report, { force: true });
      const models = mkdtempSync(join(folder, 'models-'));
      const { status, stdout, stderr } = spawnSync(host, [scenario, join(models, 'model.gguf')], {
        env: {
          PATH: process.env['PATH'],
          LD_PRELOAD: [...first, library].join(':'),
          GGML_NUMA_SHARD_MAP: '*:rows',
          GGML_NUMA_SHARD_REPORT: report,
          ASAN_OPTIONS: 'verify_asan_link_order=0',
          ...env,
        },
        encoding: 'utf8',
        timeout: 60_000,
      });
      return { status, stdout, stderr };
    },
    readReport: () => JSON.parse(readFileSync(report, 'utf8')),
  };
}
