// SPDX-License-Identifier: MIT
// `numashard --version`: every part that a report of a problem should name.
import { readFileSync } from 'node:fs';
import { release, type } from 'node:os';
import { join } from 'node:path';
import { testedWith } from '../runtime/tested-with.js';
import type { CommandContext } from './context.js';
import { preloadPath } from './native-parts.js';

export function versionText(context: Pick<CommandContext, 'projectDirectory'>): string {
  const manifest = readFileSync(join(context.projectDirectory, 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { readonly version: string };
  const { llamaCpp, build, ggml } = testedWith;
  return [
    `numashard ${version}`,
    `preload   ${preloadPath(context) ?? 'not built'}`,
    `Node.js   ${process.versions.node}`,
    `kernel    ${type()} ${release()}`,
    `tested    llama.cpp ${llamaCpp} (build ${build}), ggml ${ggml}`,
  ].join('\n');
}
