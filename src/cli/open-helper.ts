// SPDX-License-Identifier: MIT
// The page helper as a command needs it: built, for this machine and its page size.
import { createPageHelper, type PageHelper } from '../runtime/page-helper.js';
import type { CommandContext } from './context.js';
import { helperPath, requireOwnArchitecture } from './native-parts.js';

export function openPageHelper(context: CommandContext, pageSize: number): PageHelper {
  const program = helperPath(context);
  requireOwnArchitecture(program);
  return createPageHelper(program, pageSize);
}
