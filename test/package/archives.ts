// SPDX-License-Identifier: MIT
// Archives as `npm run package` makes them, from the build at hand.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectDirectory } from '../cli/numashard.js';

export interface Packed {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs scripts/package.mjs of a checkout. */
export function pack(output: string, words: readonly string[], checkout = projectDirectory): Packed {
  const script = join(checkout, 'scripts/package.mjs');
  return spawnSync(process.execPath, [script, '--out', output, ...words], { encoding: 'utf8' });
}

export const platforms = ['x64', 'arm64', 'ppc64le'] as const;
export type Platform = (typeof platforms)[number];

/** Of the machine at hand. */
export const ownPlatform = (process.arch === 'ppc64' ? 'ppc64le' : process.arch) as Platform;

export function archiveOf(directory: string, platform: Platform): string {
  const name = readdirSync(directory).find((file) => file.endsWith(`-linux-${platform}.tar.gz`));
  if (name === undefined) throw new Error(`no archive for ${platform} in ${directory}`);
  return join(directory, name);
}

/** Unpacks into a folder of its own and returns the one that the archive holds. */
export function unpack(archive: string, directory: string): string {
  mkdirSync(directory, { recursive: true });
  execFileSync('tar', ['-xzf', archive, '-C', directory]);
  return join(directory, readdirSync(directory)[0] ?? '');
}
