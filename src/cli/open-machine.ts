// SPDX-License-Identifier: MIT
// A machine as the user names it: this one, a directory with its sys and proc, or an archive of such a directory.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { NumashardError } from '../errors.js';
import { type ArchiveFolder, openArchive } from '../topology/archive-root.js';
import { directoryRoot, type FileRoot } from '../topology/file-root.js';
import { readTar } from '../topology/read-tar.js';
import { readTopology } from '../topology/read-topology.js';
import type { Topology } from '../topology/types.js';
import { requireOwnTopology } from './require-linux.js';

/** A recording may lie in folders inside its archive: machine/fsroot/sys. */
const maxDepth = 3;
/** A hundred times the largest recording known (1.4 MB): an archive is untrusted and may be a bomb. */
const maxArchiveByteLength = 128 << 20;

/** Throws `topology-unreadable`, and `linux-only` for this machine where it is none. */
export async function openMachine(path: string | undefined): Promise<Topology> {
  if (path === undefined) {
    requireOwnTopology();
    return readTopology();
  }
  const status = await stat(path).catch((cause: Error) => {
    throw unreadable(`cannot read machine ${path}: ${cause.message}`, cause);
  });
  if (status.isDirectory()) return readTopology(directoryRoot(await findDirectory(path, path)));
  if (!status.isFile()) throw unreadable(`machine ${path} is neither a directory nor a file`);
  if (status.size > maxArchiveByteLength) throw tooLarge(path);
  return readTopology(await archivedRoot(path));
}

/** The directory that holds sys: this one, or the only one below it. */
async function findDirectory(directory: string, machine: string, depth = 0): Promise<string> {
  const entries = await readdir(directory, { withFileTypes: true });
  if (entries.some(({ name }) => name === 'sys')) return directory;
  const [only, ...others] = entries.filter((entry) => entry.isDirectory());
  if (only === undefined || others.length > 0 || depth === maxDepth) throw withoutSys(machine);
  return findDirectory(join(directory, only.name), machine, depth + 1);
}

async function archivedRoot(path: string): Promise<FileRoot> {
  const bytes = await plainBytes(path);
  let folder: ArchiveFolder;
  try {
    folder = openArchive(readTar(bytes));
  } catch (cause) {
    throw unreadable(`${path}: ${(cause as Error).message}`, cause);
  }
  for (let depth = 0; !folder.names.includes('sys'); depth++) {
    const [only, ...others] = folder.folders;
    if (only === undefined || others.length > 0 || depth === maxDepth) throw withoutSys(path);
    folder = folder.open(only);
  }
  return folder.root;
}

async function plainBytes(path: string): Promise<Buffer> {
  const bytes = await readFile(path).catch((cause: Error) => {
    throw unreadable(`cannot read machine ${path}: ${cause.message}`, cause);
  });
  if (bytes.length < 2 || bytes.readUInt16BE() !== 0x1f8b) return bytes;
  return promisify(gunzip)(bytes, { maxOutputLength: maxArchiveByteLength }).catch(
    (cause: NodeJS.ErrnoException) => {
      throw cause.code === 'ERR_BUFFER_TOO_LARGE'
        ? tooLarge(path)
        : unreadable(`${path}: ${cause.message}`, cause);
    },
  );
}

function tooLarge(path: string): NumashardError {
  return unreadable(`${path}: unpacks to more than ${maxArchiveByteLength} bytes, no recording does`);
}

function withoutSys(machine: string): NumashardError {
  return unreadable(`machine ${machine} holds no directory sys`);
}

function unreadable(message: string, cause?: unknown): NumashardError {
  return new NumashardError('topology-unreadable', message, {
    cause,
    hint: 'a machine is a directory that holds sys and proc, or a .tar.gz of it',
  });
}
