// SPDX-License-Identifier: MIT
// Gets Debian packages for an emulated machine; which belong together is apt's own answer.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { NumashardError } from '../errors.js';
import { type Apt, makeAptRoot } from './apt-root.js';
import type { OnLabProgress } from './progress.js';

/** Packages of one suite, with what they depend on. */
export interface PackageRequest {
  /** As Debian names it: `amd64`. */
  readonly architecture: string;
  readonly suite: string;
  readonly packages: readonly string[];
  /** Only these of all that are found; the others are not downloaded. */
  readonly only?: RegExp;
}

/** A name for what a request is answered with: another request is another image. */
export function requestKey(request: PackageRequest, recipe: string): string {
  const { architecture, suite, packages, only } = request;
  const words = [recipe, architecture, suite, ...packages, only?.source ?? ''];
  return createHash('sha256').update(words.join(' ')).digest('hex').slice(0, 16);
}

export interface GuestPackage {
  readonly name: string;
  readonly version: string;
  /** The downloaded .deb. */
  readonly path: string;
}

interface ArchiveFile {
  readonly name: string;
  readonly version: string;
  readonly fileName: string;
  readonly byteLength: number;
  readonly sha256: string;
}

/** Resolves, downloads and verifies; what an earlier call left in `directory` is reused. */
export async function fetchPackages(
  request: PackageRequest,
  directory: string,
  onProgress?: OnLabProgress,
): Promise<GuestPackage[]> {
  const { architecture, suite, only } = request;
  await mkdir(join(directory, 'packages'), { recursive: true });
  const aptRoot = await mkdtemp(join(directory, 'apt-'));
  try {
    const apt = await makeAptRoot(aptRoot, architecture, suite);
    const found = await resolvePackages(apt, request.packages);
    const files = only ? found.filter(({ name }) => only.test(name)) : found;
    if (files.length === 0) {
      throw new NumashardError(
        'lab-failed',
        `no package named like ${only?.source} belongs to ${request.packages.join(' ')} of ${suite}`,
        { exitCode: 4 },
      );
    }
    await download(apt, files, directory, aptRoot, onProgress);
    return files.map(({ name, version, fileName }) => ({
      name,
      version,
      path: packagePath(directory, fileName),
    }));
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
