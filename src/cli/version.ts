// SPDX-License-Identifier: MIT
// `numashard --version`: every part that a report of a problem should name.
import { readFileSync } from 'node:fs';
import { release, type } from 'node:os';
import { join } from 'node:path';
import type { CommandContext } from './context.js';
import { preloadPath } from './native-parts.js';

/** Last versions that passed test/lab: Debian's packages. */
const testedWith = 'llama.cpp 0.7.0 (build 11669), ggml 0.27.0';

export function versionText(context: Pick<CommandContext, 'projectDirectory'>): string {
  const manifest = readFileSync(join(context.projectDirectory, 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { readonly version: string };
  return [
    `numashard ${version}`,
    `preload   ${preloadPath(context) ?? 'not built'}`,
    `Node.js   ${process.versions.node}`,
    `kernel    ${type()} ${release()}`,
    `tested    ${testedWith}`,
  ].join('\n');
}
