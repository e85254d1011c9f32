// SPDX-License-Identifier: MIT
// The root file system of an emulated machine: llama.cpp, Node.js and little else, made once and kept.
import { copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ext4FromDirectory } from './ext4.js';
import { fetchPackages, type GuestPackage, type PackageRequest, requestKey } from './guest-packages.js';
import { runTool } from './host-tools.js';
import type { MachineDescription } from './machine.js';
import { makeOnce } from './make-once.js';
import type { OnLabProgress } from './progress.js';

/** Raise when the way an image is built changes: images built otherwise are then not found. */
const recipe = '3';

const debianArchitectures = { 'x86-64': 'amd64', ppc64le: 'ppc64el' } as const;

/** llama.cpp is in unstable only, and brings unstable's C library with it. */
const suite = 'unstable';
const packages = [
  ...['llama.cpp-tools', 'llama.cpp-tools-extra', 'nodejs', 'numactl', 'busybox-static'],
  // Named although the others depend on them: they are what the machine is for.
  ...['libggml0', 'libllama0', 'libc6', 'libgomp1'],
];

/** Returns the folder of the machine's system below `directory`: `root.ext4`, `busybox`, `versions.json`. */
export function prepareRoot(
  { architecture }: MachineDescription,
  directory: string,
  onProgress?: OnLabProgress,
): Promise<string> {
  const request: PackageRequest = { architecture: debianArchitectures[architecture], suite, packages };
  const home = join(directory, 'systems', `${architecture}-${requestKey(request, recipe)}`);
  return makeOnce(home, async (work) => {
    const found = await fetchPackages(request, directory, onProgress);
    onProgress?.({ step: 'build', what: `root file system for ${architecture}` });
    await mkdir(work);
    await unpackRoot(found, work);
    const versions = Object.fromEntries(found.map(({ name, version }) => [name, version]));
    await writeFile(join(work, 'versions.json'), `${JSON.stringify(versions, null, 2)}\n`);
  });
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
  const mountPoints = [
    'proc',
    'sys',
    'dev',
    'tmp',
    'run',
    'root',
    'out',
    'models',
    'numashard',
    'scratch',
    'usr/local',
  ];
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
