// SPDX-License-Identifier: MIT
// Drivers out of an unpacked Debian kernel, in the order they have to be loaded in: which a driver depends on is read
// from the driver itself. Source of truth: modinfo(8), include/linux/module.h (MODULE_INFO).
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { NumashardError } from '../errors.js';
import { runTool } from './host-tools.js';

/** Writes NAME.ko files, unpacked, into `output`; returns their names in loading order. Built-in drivers have none. */
export async function extractModules(
  kernel: string,
  wanted: readonly string[],
  output: string,
): Promise<string[]> {
  const files = await readdir(kernel, { recursive: true });
  const modules = new Map<string, string>();
  for (const file of files) {
    const match = /^(.+)\.ko(\.xz)?$/.exec(basename(file));
    if (match?.[1]) modules.set(moduleName(match[1]), join(kernel, file));
  }
  const list = files.find((file) => basename(file) === 'modules.builtin');
  const builtIn = list === undefined ? '' : await readFile(join(kernel, list), 'utf8');
  const isBuiltIn = new Set(builtIn.split('\n').map((line) => moduleName(basename(line, '.ko'))));
  const order: string[] = [];

  const add = async (name: string): Promise<void> => {
    if (order.includes(`${name}.ko`) || isBuiltIn.has(name)) return;
    const path = modules.get(name);
    if (path === undefined) {
      throw new NumashardError('lab-failed', `the kernel package has no driver ${name}`, { exitCode: 4 });
    }
    const file = join(output, `${name}.ko`);
    await copyFile(path, path.endsWith('.xz') ? `${file}.xz` : file);
    // -f: what two drivers share may be there already.
    if (path.endsWith('.xz')) await runTool('xz', ['-df', `${file}.xz`]);
    for (const needed of dependenciesOf(await readFile(file))) await add(needed);
    order.push(`${name}.ko`);
  };
  for (const name of wanted) await add(name);
  return order;
}

/** The names in a driver's own "depends=" line. */
function dependenciesOf(module: Buffer): string[] {
  const key = Buffer.from('\0depends=');
  const at = module.indexOf(key);
  if (at < 0) return [];
  const start = at + key.byteLength;
  const names = module.toString('latin1', start, module.indexOf(0, start));
  return names === '' ? [] : names.split(',').map(moduleName);
}

/** The kernel takes "-" in a driver's file name for "_". */
function moduleName(name: string): string {
  return name.replaceAll('-', '_');
}
