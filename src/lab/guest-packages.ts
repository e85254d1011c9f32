// SPDX-License-Identifier: MIT
// Gets the Debian packages an emulated machine is made of; which belong together is apt's own answer.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NumashardError } from '../errors.js';
import { type Apt, makeAptRoot } from './apt-root.js';
import type { MachineDescription } from './machine.js';
import type { OnLabProgress } from './progress.js';

const debianArchitectures = { 'x86-64': 'amd64' } as const;

/** llama.cpp is in unstable only, and brings unstable's C library with it. */
const rootSuite = 'unstable';
const rootPackages = [
  ...['llama.cpp-tools', 'llama.cpp-tools-extra', 'nodejs', 'numactl', 'busybox-static'],
  // Named although the others depend on them: they are what the machine is for.
  ...['libggml0', 'libllama0', 'libc6', 'libgomp1'],
];

/** Kernels by series. The image package's dependencies (initramfs-tools, udev, …) are not used. */
const kernels = {
  '6.1': { suite: 'bookworm', metaPackage: 'linux-image-cloud-amd64', image: /^linux-image-\d/ },
} as const;

/** What the packages below are for, as one text: another request is another image. */
export function packageRequest(machine: MachineDescription): string {
  const kernel = kernels[machine.kernel];
  return [machine.architecture, rootSuite, ...rootPackages, kernel.suite, kernel.metaPackage].join(' ');
}

export interface GuestPackage {
  readonly name: string;
  readonly version: string;
  /** The downloaded .deb. */
  readonly path: string;
}

export interface GuestPackages {
  readonly kernel: GuestPackage;
  readonly root: readonly GuestPackage[];
}

interface ArchiveFile {
  readonly name: string;
  readonly version: string;
  readonly fileName: string;
  readonly byteLength: number;
  readonly sha256: string;
}

/** Resolves, downloads and verifies all packages of a machine; what an earlier call left in `directory` is reused. */
export async function fetchGuestPackages(
  machine: MachineDescription,
  directory: string,
  onProgress?: OnLabProgress,
): Promise<GuestPackages> {
  await mkdir(join(directory, 'packages'), { recursive: true });
  const aptRoot = await mkdtemp(join(directory, 'apt-'));
  try {
    const suites = [kernels[machine.kernel].suite, rootSuite];
    const apt = await makeAptRoot(aptRoot, debianArchitectures[machine.architecture], suites);
    const kernel = kernels[machine.kernel];
    const kernelFiles = await resolvePackages(apt, [`${kernel.metaPackage}/${kernel.suite}`]);
    const kernelFile = kernelFiles.find(({ name }) => kernel.image.test(name));
    if (!kernelFile) {
      throw new NumashardError(
        'lab-failed',
        `${kernel.metaPackage} of ${kernel.suite} names no kernel image`,
        {
          exitCode: 4,
        },
      );
    }
    const rootFiles = await resolvePackages(apt, ['-t', rootSuite, ...rootPackages]);
    await download(apt, [kernelFile, ...rootFiles], directory, aptRoot, onProgress);
    const [kernelPackage, ...root] = [kernelFile, ...rootFiles].map(
      ({ name, version, fileName }): GuestPackage => ({
        name,
        version,
        path: packagePath(directory, fileName),
      }),
    );
    return { kernel: kernelPackage as GuestPackage, root };
  } finally {
    await rm(aptRoot, { recursive: true, force: true });
  }
}

/** Asks apt which files a set of packages needs on an empty system. */
async function resolvePackages(apt: Apt, packages: readonly string[]): Promise<ArchiveFile[]> {
  const lines = await apt('install', '--print-uris', '-qq', '-o', 'Acquire::ForceHash=SHA256', ...packages);
  const files = lines.split('\n').flatMap((line) => {
    const match = /^'[^']+' (([^_ ]+)_([^_ ]+)_[^_ ]+\.deb) (\d+) SHA256:([0-9a-f]{64})$/.exec(line);
    if (!match) return [];
    const [, fileName = '', name = '', version = '', byteLength, sha256 = ''] = match;
    return [{ name, version: decodeURIComponent(version), fileName, byteLength: Number(byteLength), sha256 }];
  });
  if (files.length > 0) return files;
  throw new NumashardError(
    'lab-failed',
    `apt-get names no files for ${packages.join(' ')}: ${lines.slice(0, 200)}`,
    {
      exitCode: 4,
    },
  );
}

async function download(
  apt: Apt,
  files: readonly ArchiveFile[],
  directory: string,
  aptRoot: string,
  onProgress?: OnLabProgress,
): Promise<void> {
  const wanted: ArchiveFile[] = [];
  for (const file of files) {
    if (!(await isIntact(packagePath(directory, file.fileName), file.sha256))) wanted.push(file);
  }
  // A few at a time: enough to keep the connection busy, and progress can be told.
  const batchSize = 8;
  const total = byteLengthOf(wanted);
  for (let first = 0; first < wanted.length; first += batchSize) {
    onProgress?.({ step: 'download', done: byteLengthOf(wanted.slice(0, first)), total });
    const batch = wanted.slice(first, first + batchSize);
    await apt('download', '-qq', ...batch.map(({ name, version }) => `${name}=${version}`));
    for (const { fileName } of batch) await rename(join(aptRoot, fileName), packagePath(directory, fileName));
  }
}

function byteLengthOf(files: readonly ArchiveFile[]): number {
  return files.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

async function isIntact(path: string, sha256: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  return (
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex') === sha256
  );
}

function packagePath(directory: string, fileName: string): string {
  return join(directory, 'packages', fileName);
}
