// SPDX-License-Identifier: MIT
// The page helper as a command needs it: built, and for this machine's page size.
import { join } from 'node:path';
import { createPageHelper, type PageHelper } from '../runtime/page-helper.js';
import type { CommandContext } from './context.js';

export function openPageHelper({ projectDirectory }: CommandContext, pageSize: number): PageHelper {
  return createPageHelper(join(projectDirectory, 'native', 'build', 'numashard-pages'), pageSize);
}
