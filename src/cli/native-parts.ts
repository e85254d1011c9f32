// SPDX-License-Identifier: MIT
// Where the native parts lie once scripts/build.mjs has made them; null where it has not.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandContext } from './context.js';

type Place = Pick<CommandContext, 'projectDirectory'>;

/** What goes into LD_PRELOAD. */
export function preloadPath(place: Place): string | null {
  return builtFile(place, 'libnumashard.so');
}

function builtFile({ projectDirectory }: Place, name: string): string | null {
  const path = join(projectDirectory, 'native', 'build', name);
  return existsSync(path) ? path : null;
}
