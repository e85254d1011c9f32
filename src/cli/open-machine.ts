// SPDX-License-Identifier: MIT
// A machine as the user names it: this one, a directory with its sys and proc, or an archive of such a directory.
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NumashardError } from '../errors.js';
import { directoryRoot } from '../topology/file-root.js';
import { readTopology } from '../topology/read-topology.js';
import type { Topology } from '../topology/types.js';
import { unpackArchive } from './unpack-archive.js';

/** A recording may lie in folders inside its archive: machine/fsroot/sys. */
const maxDepth = 3;

/** Throws `topology-unreadable`. */
export async function openMachine(path: string | undefined): Promise<Topology> {
  if (path === undefined) return readTopology();
  const status = await stat(path).catch((cause: Error) => {
    throw unreadable(`cannot read machine ${path}: ${cause.message}`, cause);
  });
  if (status.isDirectory()) return readTopology(directoryRoot(await findRoot(path, path)));
  if (!status.isFile()) throw unreadable(`machine ${path} is neither a directory nor a file`);
  const directory = await mkdtemp(join(tmpdir(), 'numashard-machine-'));
  try {
    await unpackArchive(path, directory);
    return await readTopology(directoryRoot(await findRoot(directory, path)));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The directory that holds sys: this one, or the only one below it. */
async function findRoot(directory: string, machine: string, depth = 0): Promise<string> {
  const entries = await readdir(directory, { withFileTypes: true });
  if (entries.some(({ name }) => name === 'sys')) return directory;
  const [only, ...others] = entries.filter((entry) => entry.isDirectory());
  if (only === undefined || others.length > 0 || depth === maxDepth) {
    throw unreadable(`machine ${machine} holds no directory sys`);
  }
  return findRoot(join(directory, only.name), machine, depth + 1);
}

function unreadable(message: string, cause?: unknown): NumashardError {
  return new NumashardError('topology-unreadable', message, {
    cause,
    hint: 'a machine is a directory that holds sys and proc, or a .tar.gz of it',
  });
}
