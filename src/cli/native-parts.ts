// SPDX-License-Identifier: MIT
// Where the native parts lie once scripts/build.mjs has made them; null where it has not.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NumashardError } from '../errors.js';
import type { CommandContext } from './context.js';

type Place = Pick<CommandContext, 'projectDirectory'>;

export function preloadPath(place: Place): string | null {
  return builtFile(place, 'libnumashard.so');
}

/**
 * The value of LD_PRELOAD: our library in front of what is preloaded already. The loader splits it at spaces and
 * colons and expands `$` (ld.so(8)), with nothing to escape them: throws `native-missing` for such a path.
 */
export function preloadValue(library: string, already: string | undefined): string {
  const odd = /[\s:$]/.exec(library)?.[0];
  if (odd !== undefined) {
    const message = `LD_PRELOAD cannot name ${library}: the loader takes ${JSON.stringify(odd)} for its own`;
    throw new NumashardError('native-missing', message, {
      hint: 'move numashard to a folder without spaces, colons and dollar signs in its path',
      exitCode: 4,
    });
  }
  const others = (already ?? '').split(/[\s:]+/).filter((path) => path !== '' && path !== library);
  return [library, ...others].join(':');
}

/** For a command that cannot do without. */
export function requirePreload(place: Place): string {
  const path = preloadPath(place);
  if (path !== null) {
    requireOwnArchitecture(path);
    return path;
  }
  throw new NumashardError('native-missing', 'libnumashard.so is not built', {
    hint: 'npm run build compiles it with the machine’s cc',
    exitCode: 125,
  });
}

/** The page helper; it may not be there. */
export function helperPath({ projectDirectory }: Place): string {
  return join(projectDirectory, 'native', 'build', 'numashard-pages');
}

/** e_machine of elf.h, as Node.js names architectures. */
const elfMachines: Readonly<Record<number, string>> = { 62: 'x64', 183: 'arm64', 21: 'ppc64' };

/** An archive unpacked on the wrong machine: throws `native-missing`, in place of the loader's own words. */
export function requireOwnArchitecture(part: string): void {
  const header = existsSync(part) ? readFileSync(part).subarray(0, 20) : Buffer.alloc(0);
  const architecture = header.length === 20 ? elfMachines[header.readUInt16LE(18)] : undefined;
  if (architecture === undefined || architecture === process.arch) return;
  const message = `${part} is made for ${architecture}, and this Node.js runs on ${process.arch}`;
  throw new NumashardError('native-missing', message, {
    hint: `unpack the archive for ${process.arch}, or npm run build in a checkout`,
    exitCode: 4,
  });
}

function builtFile({ projectDirectory }: Place, name: string): string | null {
  const path = join(projectDirectory, 'native', 'build', name);
  return existsSync(path) ? path : null;
}
