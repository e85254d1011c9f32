// SPDX-License-Identifier: MIT
// The system of an emulated machine, built once and kept: kernel, root file system, drivers, versions.json.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NumashardError } from '../errors.js';
import { ext4FromDirectory } from './ext4.js';
import { fetchGuestPackages, type GuestPackage, packageRequest } from './guest-packages.js';
import { runTool } from './host-tools.js';
import { currentInitramfs, guestModules } from './initramfs.js';
import type { MachineDescription } from './machine.js';
import type { OnLabProgress } from './progress.js';

/** Raise when the way an image is built changes: images built otherwise are then not found. */
const recipe = '1';

export interface GuestVersions {
  readonly kernel: string;
  readonly llamaCpp: string;
  readonly ggml: string;
  readonly node: string;
  readonly libc: string;
  readonly packages: Readonly<Record<string, string>>;
  readonly downloadSeconds: number;
  readonly buildSeconds: number;
}

export interface GuestImage {
  readonly kernel: string;
  readonly initramfs: string;
  readonly root: string;
  readonly versions: GuestVersions;
}

/** Returns the machine's system from `directory`, building it there first if it is not there yet. */
export async function prepareGuestImage(
  machine: MachineDescription,
  directory: string,
  onProgress?: OnLabProgress,
): Promise<GuestImage> {
  const key = createHash('sha256')
    .update(`${recipe} ${packageRequest(machine)}`)
    .digest('hex')
    .slice(0, 16);
  const home = join(directory, 'systems', `${machine.architecture}-${machine.kernel}-${key}`);
  if (!existsSync(home)) await buildSystem(machine, directory, home, onProgress);
  return {
    kernel: join(home, 'vmlinuz'),
    initramfs: await currentInitramfs(home),
    root: join(home, 'root.ext4'),
    versions: JSON.parse(await readFile(join(home, 'versions.json'), 'utf8')) as GuestVersions,
  };
}

async function buildSystem(
  machine: MachineDescription,
  directory: string,
  home: string,
  onProgress?: OnLabProgress,
): Promise<void> {
  await mkdir(join(directory, 'systems'), { recursive: true });
  const start = performance.now();
  const packages = await fetchGuestPackages(machine, directory, onProgress);
  const downloaded = performance.now();
  onProgress?.({ step: 'build', what: `system of ${machine.name}` });
  // Built beside its place and renamed: another process sees all of it or nothing.
  const work = await mkdtemp(join(directory, 'systems', 'building-'));
  try {
    await unpackKernel(packages.kernel, work);
    await unpackRoot(packages.root, work);
    const versions = describeVersions(packages.kernel, packages.root, {
      downloadSeconds: (downloaded - start) / 1000,
      buildSeconds: (performance.now() - downloaded) / 1000,
    });
    await writeFile(join(work, 'versions.json'), `${JSON.stringify(versions, null, 2)}\n`);
    await rename(work, home).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== 'ENOTEMPTY' && cause.code !== 'EEXIST') throw cause;
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function unpackKernel(kernel: GuestPackage, work: string): Promise<void> {
  const unpacked = join(work, 'kernel');
  await runTool('dpkg-deb', ['-x', kernel.path, unpacked]);
  const files = await readdir(unpacked, { recursive: true });
  const find = (what: string, matches: (file: string) => boolean): string => {
    const file = files.find(matches);
    if (file) return join(unpacked, file);
    throw new NumashardError('lab-failed', `${basename(kernel.path)} has no ${what}`, { exitCode: 4 });
  };
  await copyFile(
    find('kernel', (file) => file.startsWith('boot/vmlinuz-')),
    join(work, 'vmlinuz'),
  );
  await mkdir(join(work, 'modules'));
  for (const module of guestModules) {
    const file = find(`module ${module}`, (path) => path.endsWith(`/${module}.ko`));
    await copyFile(file, join(work, 'modules', `${module}.ko`));
  }
  await rm(unpacked, { recursive: true });
}

async function unpackRoot(packages: readonly GuestPackage[], work: string): Promise<void> {
  const root = join(work, 'root');
  for (const part of ['bin', 'sbin', 'lib', 'lib64']) {
    await mkdir(join(root, 'usr', part), { recursive: true });
    await symlink(`usr/${part}`, join(root, part));
  }
  for (const { path } of packages) await runTool('dpkg-deb', ['-x', path, root]);
  for (const part of ['doc', 'man', 'locale', 'lintian', 'bash-completion']) {
    await rm(join(root, 'usr/share', part), { recursive: true, force: true });
  }
  await mkdir(join(root, 'var/tmp'), { recursive: true });
  const mountPoints = ['proc', 'sys', 'dev', 'tmp', 'run', 'root', 'out', 'models', 'numashard', 'usr/local'];
  for (const part of mountPoints) await mkdir(join(root, part), { recursive: true });
  // Only these two are asked for by path (#! lines); the agent puts every other busybox applet in $PATH.
  for (const applet of ['sh', 'env']) await symlink('busybox', join(root, 'usr/bin', applet));
  await writeAccounts(join(root, 'etc'));
  await copyFile(join(root, 'usr/bin/busybox'), join(work, 'busybox'));
  await ext4FromDirectory(root, join(work, 'root.ext4'));
  await rm(root, { recursive: true });
}

async function writeAccounts(etc: string): Promise<void> {
  await mkdir(etc, { recursive: true });
  const users = ['root:x:0:0:root:/root:/bin/sh', 'user:x:1000:1000:user:/tmp/user:/bin/sh'];
  await writeFile(join(etc, 'passwd'), `${users.join('\n')}\n`);
  await writeFile(join(etc, 'group'), 'root:x:0:\nuser:x:1000:\n');
  await writeFile(join(etc, 'hosts'), '127.0.0.1 localhost\n::1 localhost\n');
  await writeFile(join(etc, 'nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files\n');
}

function describeVersions(
  kernel: GuestPackage,
  packages: readonly GuestPackage[],
  seconds: Pick<GuestVersions, 'downloadSeconds' | 'buildSeconds'>,
): GuestVersions {
  const versions = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
  const version = (name: string) => versions[name] ?? 'unknown';
  return {
    kernel: `${kernel.name} ${kernel.version}`,
    llamaCpp: version('llama.cpp-tools'),
    ggml: version('libggml0'),
    node: version('nodejs'),
    libc: version('libc6'),
    packages: versions,
    ...seconds,
  };
}
