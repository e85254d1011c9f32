// SPDX-License-Identifier: MIT
// The host's programs the lab drives: which are missing, and how one is run.
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { NumashardError } from '../errors.js';

/** Program, and the Debian package it comes from. */
export const neededTools = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-system-ppc64': 'qemu-system-ppc',
  mke2fs: 'e2fsprogs',
  debugfs: 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  'dpkg-deb': 'dpkg',
  'apt-get': 'apt',
  'apt-config': 'apt',
  tar: 'tar',
  xz: 'xz-utils',
  setpriv: 'util-linux',
} as const;

export type HostTool = keyof typeof neededTools;

/** Signs both suites the guest comes from. */
export const debianKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Not only $PATH: Debian keeps mke2fs in a folder that users' $PATH lacks. */
const systemDirectories = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'];

let toolDirectories: readonly string[] = systemDirectories;

/** From now on `path` ($PATH) comes first; until it is called, only the system's folders count. One for the process. */
export function searchToolsIn(path: string | undefined): void {
  // A relative folder is another one for each tool, which runs where its files are.
  const asked = (path ?? '').split(':').filter((directory) => isAbsolute(directory));
  toolDirectories = [...asked, ...systemDirectories];
}

/** What every machine takes; its processor takes another, and a file system may. */
const always: readonly HostTool[] = [
  'mke2fs',
  'debugfs',
  'dpkg-deb',
  'apt-get',
  'apt-config',
  'tar',
  'xz',
  'setpriv',
];

/** Names of the Debian packages that the lab needs and the host lacks. */
export function missingLabTools(
  besides: readonly HostTool[],
  directories: readonly string[] = toolDirectories,
): string[] {
  return missingTools([...always, ...besides], directories);
}

function missingTools(tools: readonly HostTool[], directories: readonly string[]): string[] {
  const missing = tools
    .filter((tool) => !findTool(tool, directories))
    .map((tool): string => neededTools[tool]);
  if (!existsSync(debianKeyring)) missing.push('debian-archive-keyring');
  return [...new Set(missing)];
}

/** Throws `lab-missing-tool` with what to install, before any work is begun. */
export function requireLabTools(besides: readonly HostTool[]): void {
  requireTools([...always, ...besides]);
}

/** The same of some of them only. Debian's keyring always belongs to them. */
export function requireTools(tools: readonly HostTool[]): void {
  const missing = missingTools(tools, toolDirectories);
  if (missing.length === 0) return;
  throw new NumashardError(
    'lab-missing-tool',
    `the lab needs packages this system lacks: ${missing.join(', ')}`,
    {
      hint: `apt-get install --no-install-recommends ${missing.join(' ')}`,
      exitCode: 4,
    },
  );
}

/** Path of a program that requireLabTools found. */
export function toolPath(tool: HostTool): string {
  return findTool(tool, toolDirectories) ?? tool;
}

export interface ToolOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array;
  readonly onStdout?: (chunk: Buffer) => void;
}

/** Runs a host program to its end and returns its standard output; a failure is `lab-failed`. */
export async function runTool(
  tool: HostTool,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<string> {
  const path = toolPath(tool);
  const child = spawn(path, args, {
    cwd: options.cwd,
    // LC_ALL: what these programs print is read here.
    env: { ...process.env, LC_ALL: 'C', ...options.env },
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout.push(chunk);
    options.onStdout?.(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program that ends without reading its input is judged by its exit status below.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const status = await new Promise<string | number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal ?? code));
  });
  if (status !== 0) {
    const said = Buffer.concat(stderr).toString().trim().split('\n').slice(-5).join('\n');
    throw new NumashardError('lab-failed', `${tool} ${args.join(' ')}: ended with ${status}: ${said}`, {
      exitCode: 4,
    });
  }
  return Buffer.concat(stdout).toString();
}

function findTool(tool: HostTool, directories: readonly string[]): string | undefined {
  return directories.map((directory) => `${directory}/${tool}`).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
