// SPDX-License-Identifier: MIT
// The page helper as a command needs it: built, and for this machine's page size.
import { createPageHelper, type PageHelper } from '../runtime/page-helper.js';
import type { CommandContext } from './context.js';
import { helperPath } from './native-parts.js';

export function openPageHelper(context: CommandContext, pageSize: number): PageHelper {
  return createPageHelper(helperPath(context), pageSize);
}
