// SPDX-License-Identifier: MIT
// Where /sys and /proc are read from: the running machine, or a recording of another one in a directory.
// Every access is relative to a root, as in hwloc, so a recorded machine is read by the code that reads a live one.
import { constants } from 'node:fs';
import { type FileHandle, open, readdir, realpath } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import { NumashardError } from '../errors.js';

/** Paths have no leading slash: `sys/devices/system/node/online`. */
export interface FileRoot {
  /** One character per byte (latin1), so that binary files survive; null if absent or unreadable. */
  readText(path: string): Promise<string | null>;
  /** Names in a directory; null if absent or unreadable. */
  list(directory: string): Promise<string[] | null>;
}

/** The largest file read, /proc/self/status or a cpulist of 8,192 scattered CPUs, stays below 64 KiB. */
const maxFileByteLength = 262_144;
/** One sysfs attribute is at most a page of 4 KiB unless it is a bin file. */
const chunkByteLength = 4096;

/** Files below `directory`. Links that lead out of a recording are treated as absent: archives are untrusted. */
export function directoryRoot(directory = '/'): FileRoot {
  const root = resolve(directory);
  let realRoot: Promise<string> | undefined;
  const locate = async (path: string): Promise<string> => {
    if (root === sep) return join(root, path);
    realRoot ??= realpath(root);
    const base = await realRoot;
    const target = await realpath(join(root, path));
    if (!`${target}${sep}`.startsWith(`${base}${sep}`)) throw new Error('outside the root');
    return target;
  };
  return {
    readText: async (path) => {
      const handle = await attempt(async () =>
        open(await locate(path), constants.O_RDONLY | constants.O_NONBLOCK),
      );
      if (handle === null) return null;
      try {
        return await readRegular(handle, join(root, path));
      } finally {
        await handle.close();
      }
    },
    list: (path) => attempt(async () => (await readdir(await locate(path))).sort()),
  };
}

async function readRegular(handle: FileHandle, path: string): Promise<string | null> {
  if (!(await handle.stat()).isFile()) return null;
  const parts: Buffer[] = [];
  for (let byteLength = 0; ; ) {
    const part = await attempt(() => handle.read(Buffer.alloc(chunkByteLength), 0, chunkByteLength, null));
    if (part === null) return null;
    if (part.bytesRead === 0) return Buffer.concat(parts).toString('latin1');
    parts.push(part.buffer.subarray(0, part.bytesRead));
    byteLength += part.bytesRead;
    refuseLarge(byteLength, path);
  }
}

/** The same of a file that is in memory already. */
export function fileText(data: Buffer, path: string): string {
  refuseLarge(data.length, path);
  return data.toString('latin1');
}

function refuseLarge(byteLength: number, path: string): void {
  if (byteLength <= maxFileByteLength) return;
  throw new NumashardError(
    'topology-unreadable',
    `${path} is larger than ${maxFileByteLength} bytes, which no sysfs or proc file read here is`,
  );
}

/** sysfs answers "not here" in many ways (ENOENT, EACCES, EINVAL, EIO): all mean absent, and absence is reported. */
async function attempt<Value>(action: () => Promise<Value>): Promise<Value | null> {
  try {
    return await action();
  } catch {
    return null;
  }
}
