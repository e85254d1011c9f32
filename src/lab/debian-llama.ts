// SPDX-License-Identifier: MIT
// Debian's llama.cpp for the machine at hand, whatever its own C library: unpacked into the cache and started through
// the loader that comes with it. Nothing is installed. Source of truth: ld.so(8); ggml_backend_load_best in ggml.
import { link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { NumashardError } from '../errors.js';
import { fetchPackages, type PackageRequest, requestKey } from './guest-packages.js';
import { requireTools, runTool } from './host-tools.js';
import { makeOnce } from './make-once.js';
import type { OnLabProgress } from './progress.js';

/** Raise when the way it is laid out changes. */
const recipe = '1';

/** As Debian names them. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64', ppc64: 'ppc64el' };

export interface DebianLlama {
  /** A folder for $PATH: llama-bench, llama-server and the others. */
  readonly binDirectory: string;
  /** Of llama.cpp-tools. */
  readonly version: string;
}

export async function prepareDebianLlama(
  directory: string,
  onProgress?: OnLabProgress,
): Promise<DebianLlama> {
  const architecture = endianness() === 'LE' ? architectures[process.arch] : undefined;
  if (architecture === undefined) {
    throw new NumashardError('lab-failed', `Debian has no llama.cpp for ${process.arch}`, { exitCode: 4 });
  }
  const packages = ['llama.cpp-tools', 'libggml0', 'libllama0', 'libc6', 'libgomp1'];
  const request: PackageRequest = { architecture, suite: 'unstable', packages };
  const home = join(directory, 'hosts', `${architecture}-${requestKey(request, recipe)}`);
  await makeOnce(home, async (work) => {
    requireTools(['apt-get', 'apt-config', 'dpkg-deb']);
    const found = await fetchPackages(request, directory, onProgress);
    onProgress?.({ step: 'build', what: "Debian's llama.cpp" });
    await mkdir(work);
    for (const { path } of found) await runTool('dpkg-deb', ['-x', path, join(work, 'root')]);
    await writePrograms(work);
    const version = found.find(({ name }) => name === 'llama.cpp-tools')?.version ?? 'unknown';
    await writeFile(join(work, 'version'), version);
  });
  return { binDirectory: join(home, 'bin'), version: await readFile(join(home, 'version'), 'utf8') };
}

/** One script a program, which finds its folder by itself: it is moved once when all is there. */
async function writePrograms(work: string): Promise<void> {
  const libraries = join(work, 'root/usr/lib');
  const [triplet = ''] = (await readdir(libraries)).filter((name) => name.endsWith('-linux-gnu'));
  const names = await readdir(join(libraries, triplet));
  const loader = names.find((name) => /^ld(?:64|-linux-[\w-]+)\.so\.\d$/.test(name));
  const backends = (await readdir(join(libraries, triplet, 'ggml'))).find((name) => /^backends/.test(name));
  if (loader === undefined || backends === undefined) {
    const missing = loader === undefined ? 'loader' : 'backends of ggml';
    throw new NumashardError('lab-failed', `Debian's packages have no ${missing} in usr/lib/${triplet}`, {
      exitCode: 4,
    });
  }
  // ggml looks for its backends in a folder that is not there and then beside the running program, which is the
  // loader: there it takes the best one for this processor, as it does where it is installed.
  const beside = join('root/usr/lib', triplet, 'ggml', backends, loader);
  await link(join(libraries, triplet, loader), join(work, beside));
  await mkdir(join(work, 'bin'));
  const programs = (await readdir(join(work, 'root/usr/bin'))).filter((name) => name.startsWith('llama-'));
  for (const program of programs) {
    const path = `$home/root/usr/lib/${triplet}`;
    const lines = [
      '#!/bin/sh',
      'home=$(dirname "$(dirname "$(readlink -f "$0")")")',
      `exec "$home/${beside}" --argv0 ${program} --library-path "${path}:${path}/llama" "$home/root/usr/bin/${program}" "$@"`,
    ];
    await writeFile(join(work, 'bin', program), `${lines.join('\n')}\n`, { mode: 0o755 });
  }
}
