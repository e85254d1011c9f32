// SPDX-License-Identifier: MIT
// The system of an emulated machine: a kernel and a root file system, each kept for all machines that have it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { prepareKernel } from './guest-kernel.js';
import { prepareRoot } from './guest-root.js';
import { currentInitramfs } from './initramfs.js';
import type { MachineDescription } from './machine.js';
import type { OnLabProgress } from './progress.js';

export interface GuestVersions {
  /** Package and version. */
  readonly kernel: string;
  readonly llamaCpp: string;
  readonly ggml: string;
  readonly node: string;
  readonly libc: string;
  /** All of the root file system's. */
  readonly packages: Readonly<Record<string, string>>;
}

export interface GuestImage {
  readonly kernel: string;
  readonly initramfs: string;
  readonly root: string;
  readonly versions: GuestVersions;
}

/** Returns the machine's system from `directory`, making there what is missing. */
export async function prepareGuestImage(
  machine: MachineDescription,
  directory: string,
  onProgress?: OnLabProgress,
): Promise<GuestImage> {
  const kernel = await prepareKernel(machine, directory, onProgress);
  const root = await prepareRoot(machine, directory, onProgress);
  return {
    kernel: join(kernel, 'vmlinuz'),
    initramfs: await currentInitramfs(kernel, root),
    root: join(root, 'root.ext4'),
    versions: await readVersions(kernel, root),
  };
}

async function readVersions(kernel: string, root: string): Promise<GuestVersions> {
  const [kernels, packages] = await Promise.all(
    [kernel, root].map(async (home) => {
      return JSON.parse(await readFile(join(home, 'versions.json'), 'utf8')) as Record<string, string>;
    }),
  );
  const version = (name: string) => packages?.[name] ?? 'unknown';
  const image = Object.entries(kernels ?? {}).find(([name]) => name.startsWith('linux-image-'));
  return {
    kernel: image?.join(' ') ?? 'unknown',
    llamaCpp: version('llama.cpp-tools'),
    ggml: version('libggml0'),
    node: version('nodejs'),
    libc: version('libc6'),
    packages: packages ?? {},
  };
}
