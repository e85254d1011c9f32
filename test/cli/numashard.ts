// SPDX-License-Identifier: MIT
// Runs bin/numashard as a user does, with the built dist/; and makes small things to run it on.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ggufString, ggufU32 } from '../../src/gguf/encode.js';
import { type GgufToWrite, writeGguf } from '../../src/gguf/write-gguf.js';
import { writeGgufParts } from '../../src/gguf/write-parts.js';
import { fixtureFiles } from '../topology/text-root.js';

export const projectDirectory = fileURLToPath(new URL('../..', import.meta.url));
if (!existsSync(join(projectDirectory, 'dist/cli/main.js'))) throw new Error('run npm run build first');

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function numashard(args: readonly string[], env: Readonly<Record<string, string>> = {}): Ended {
  return runNode([join(projectDirectory, 'bin/numashard'), ...args], env);
}

export function runNode(args: readonly string[], env: Readonly<Record<string, string>> = {}): Ended {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    // vitest's own NODE_OPTIONS and colours are none of the program's.
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  });
  return { exitCode: status, signal, stdout, stderr };
}

export interface Folder {
  readonly path: string;
  file(name: string): string;
  remove(): void;
}

export function openFolder(): Folder {
  const path = mkdtempSync(join(tmpdir(), 'numashard-cli-'));
  return {
    path,
    file: (name) => join(path, name),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** A crafted machine of test/fixtures/topology as a directory below the folder. */
export function machineDirectory(folder: Folder, name: string): string {
  for (const [file, text] of Object.entries(fixtureFiles(name))) {
    const path = folder.file(join(name, file));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return folder.file(name);
}

/** The same as an archive, one folder down. */
export function machineArchive(folder: Folder, name: string): string {
  machineDirectory(folder, name);
  execFileSync('tar', ['-C', folder.path, '-czf', folder.file(`${name}.tar.gz`), name]);
  return folder.file(`${name}.tar.gz`);
}

/** Two layers of one attention matrix each, and a norm. */
export async function tinyModelFile(folder: Folder): Promise<string> {
  const path = folder.file('tiny.gguf');
  await writeGguf(path, tinyModel());
  return path;
}

/** The same in two parts, two tensors in the first. */
export function tinyModelParts(folder: Folder): Promise<string[]> {
  return writeGgufParts(folder.file('parts'), tinyModel(), [2]);
}

function tinyModel(): GgufToWrite {
  const tensor = (name: string, shape: readonly number[]) => {
    return { name, type: 'f32', shape, fill: (buffer: Uint8Array) => void buffer.fill(0) };
  };
  return {
    metadata: { 'general.architecture': ggufString('llama'), 'llama.block_count': ggufU32(2) },
    tensors: [
      tensor('blk.0.attn_q.weight', [64, 64]),
      tensor('blk.1.attn_q.weight', [64, 64]),
      tensor('output_norm.weight', [64]),
    ],
  };
}
