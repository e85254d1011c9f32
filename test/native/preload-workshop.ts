// SPDX-License-Identifier: MIT
// Compiles libnumashard.so, a small fake ggml and a program that uses it, and runs the program's scenarios.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCompiler } from '../shardmap/native-program.js';

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

/** Absolute paths of the C files of folders of native/. */
export function sourcesIn(...folders: string[]): string[] {
  return folders.flatMap((folder) => {
    const names = readdirSync(join(native, folder)).filter((name) => name.endsWith('.c'));
    return names.map((name) => join(native, folder, name));
  });
}

/** The native programs are for Linux alone, unlike the header. */
export function canCompileNative(compiler: string): boolean {
  return process.platform === 'linux' && hasCompiler(compiler);
}

/** The compiler's sanitizer libraries, which must come first in LD_PRELOAD; null where it has none. */
export function sanitizerLibraries(compiler: string): string[] | null {
  if (!canCompileNative(compiler)) return null;
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

/** The fake ggml and native/test/preload-host.c; returns the program's path. */
export function buildHost(folder: string, compiler: string, flags: readonly string[] = []): string {
  const source = (name: string): string => join(native, 'test', name);
  for (const part of ['base', 'cpu']) {
    const path = join(folder, `libggml-${part}.so`);
    compile(compiler, [...shared, ...flags], path, [source(`fake-ggml-${part}.c`)]);
  }
  const libraries = [`-L${folder}`, '-lggml-base', '-lggml-cpu', '-Wl,-rpath,$ORIGIN'];
  const linked = [source('preload-host.c'), ...libraries];
  return compile(compiler, [...common, ...flags], join(folder, 'host'), linked);
}

const common = ['-std=c11', '-D_GNU_SOURCE', '-O1', '-g', '-pthread', '-Wall', '-Wextra', '-Werror'];
// ggml's own builds let a preload stand in front of calls inside one file; some compilers must be asked to.
const shared = [...common, '-fPIC', '-shared', '-fno-inline', '-fsemantic-interposition'];

function compile(
  compiler: string,
  options: readonly string[],
  path: string,
  sources: readonly string[],
): string {
  execFileSync(compiler, [...options, '-o', path, ...sources], { stdio: ['ignore', 'ignore', 'pipe'] });
  return path;
}

function buildPreload(folder: string, compiler: string, flags: readonly string[]): PreloadBuild {
  mkdirSync(folder);
  const host = buildHost(folder, compiler, flags);
  const hidden = [
    '-fvisibility=hidden',
    `-Wl,--version-script=${join(native, 'preload/exports.map')}`,
    '-Wl,-z,now',
  ];
  const library = compile(
    compiler,
    [...common, ...flags, '-fPIC', '-shared', ...hidden],
    join(folder, 'libnumashard.so'),
    [...sourcesIn('preload', 'cache'), '-ldl'],
  );
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
          GGML_NUMA_SHARD_RESIDENCY: 'private',
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
