// SPDX-License-Identifier: MIT
// Drives made from the host's own files: the project under test and model files. Kept until what they hold changes.
import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { endianness } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { NumashardError } from '../errors.js';
import { ext4FromDirectory } from './ext4.js';
import { type FileSystemName, fileSystems } from './file-systems.js';
import type { Architecture } from './machine.js';
import { makeOnce } from './make-once.js';
import type { OnLabProgress } from './progress.js';

/** QEMU's PCI bus has 32 slots; some are the machine's own. */
const modelLimit = 24;

/** Sparse: only what a machine writes takes room. */
const scratchMebibytes = 2048;

/** One image per model file; the guest sees the files as /models/NAME. */
export async function prepareModelImages(
  models: readonly string[],
  fileSystem: FileSystemName,
  directory: string,
  onProgress?: OnLabProgress,
): Promise<string[]> {
  if (models.length > modelLimit) {
    throw usage(`${models.length} model files, at most ${modelLimit} fit one machine`);
  }
  const names = models.map((model) => basename(model));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw usage(`two model files are named ${twice}; in the machine both would be /models/${twice}`);
  const odd = names.find((name) => !/^[\w.+@=-]+$/.test(name));
  if (odd !== undefined)
    throw usage(`model file name ${JSON.stringify(odd)} has characters the lab cannot carry`);
  const images: string[] = [];
  for (const model of models) images.push(await modelImage(model, fileSystem, directory, onProgress));
  return images;
}

async function modelImage(
  model: string,
  fileSystem: FileSystemName,
  directory: string,
  onProgress?: OnLabProgress,
): Promise<string> {
  const path = resolve(model);
  const { size, mtimeMs } = await stat(path).catch((cause: Error) => {
    throw new NumashardError('file-unreadable', `cannot read model ${model}: ${cause.message}`, { cause });
  });
  return makeOnce(
    join(directory, 'drives', `model-${digest([path, size, mtimeMs])}.${fileSystem}`),
    async (image) => {
      onProgress?.({ step: 'build', what: `drive of ${basename(model)}` });
      await fileSystems[fileSystem].fromFile(path, basename(model), image);
    },
  );
}

/** An empty file system; each machine writes to a copy of its own that goes with it. */
export function prepareScratchImage(fileSystem: FileSystemName, directory: string): Promise<string> {
  return makeOnce(join(directory, 'drives', `scratch-${scratchMebibytes}.${fileSystem}`), (image) =>
    fileSystems[fileSystem].empty(image, scratchMebibytes),
  );
}

/** The parts of a checkout or installed package that running it takes, as they are now. */
export async function prepareProjectImage(
  projectDirectory: string,
  architecture: Architecture,
  directory: string,
  onProgress?: OnLabProgress,
): Promise<string> {
  const manifest = JSON.parse(await readFile(join(projectDirectory, 'package.json'), 'utf8')) as {
    readonly dependencies?: Record<string, string>;
  };
  const parts = ['package.json', 'bin', 'dist'];
  parts.push(...Object.keys(manifest.dependencies ?? {}).map((name) => `node_modules/${name}`));
  const native = nativeFolder(architecture);
  if (!existsSync(join(projectDirectory, native))) {
    onProgress?.({
      step: 'warning',
      message: `${native} is missing: run, place and verify will not work in this machine`,
      hint: `npm run build in a checkout makes it, with a C compiler${crossCompiler(architecture)}`,
    });
  }
  const files = (
    await Promise.all([...parts, native].map((part) => listFiles(projectDirectory, part)))
  ).flat();
  const checkout = `project-${architecture}-${digest(resolve(projectDirectory))}`;
  const drives = join(directory, 'drives');
  return makeOnce(join(drives, `${checkout}-${digest(files)}.ext4`), async (image) => {
    await removeOld(drives, checkout);
    onProgress?.({ step: 'build', what: 'drive of the project' });
    const staging = await mkdtemp(`${image}.staging-`);
    try {
      for (const { path } of files) {
        const target = join(staging, path.replace(native, 'native/build'));
        await mkdir(dirname(target), { recursive: true });
        await copyFile(join(projectDirectory, path), target, constants.COPYFILE_FICLONE);
      }
      await ext4FromDirectory(staging, image);
    } finally {
      await rm(staging, { recursive: true });
    }
  });
}

/** Where scripts/build.mjs puts what it compiles: beside the host's own, what is for another processor. */
function nativeFolder(architecture: Architecture): string {
  return architecture === hostArchitectures[process.arch] ? 'native/build' : `native/build-${architecture}`;
}

function crossCompiler(architecture: Architecture): string {
  return architecture === 'ppc64le'
    ? ': apt-get install gcc-powerpc64le-linux-gnu libc6-dev-ppc64el-cross'
    : '';
}

/** By Node.js's names. Its "ppc64" may be of either byte order. */
const hostArchitectures: Partial<Record<NodeJS.Architecture, Architecture>> = {
  x64: 'x86-64',
  ...(endianness() === 'LE' ? { ppc64: 'ppc64le' } : {}),
};

interface ProjectFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** All regular files of one part, or nothing if the checkout does not have it (yet). */
async function listFiles(root: string, part: string): Promise<ProjectFile[]> {
  const top = join(root, part);
  if (!existsSync(top)) return [];
  const status = await stat(top);
  if (!status.isDirectory()) return [{ path: part, size: status.size, mtimeMs: status.mtimeMs }];
  const names = (await readdir(top)).sort();
  return (await Promise.all(names.map((name) => listFiles(root, join(part, name))))).flat();
}

/** Every build of the project makes a drive; a day later nothing boots from it any more. */
async function removeOld(directory: string, prefix: string): Promise<void> {
  const dayMilliseconds = 24 * 3600 * 1000;
  for (const name of await readdir(directory)) {
    const path = join(directory, name);
    const isOld = name.startsWith(prefix) && Date.now() - (await stat(path)).mtimeMs > dayMilliseconds;
    if (isOld) await rm(path, { force: true });
  }
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

function usage(message: string): NumashardError {
  return new NumashardError('usage', message, { exitCode: 2 });
}
