// SPDX-License-Identifier: MIT
// The error for a word of the command that contradicts what is planned: it names the word and where it stands.
import { NumashardError } from '../errors.js';
import type { Setting } from './command-types.js';

export function conflict(
  setting: Setting<unknown>,
  reason: string,
  details: { hint: string },
): NumashardError {
  const message = `${setting.text} (${placeOf(setting)}) ${reason}`;
  return new NumashardError('flag-conflict', message, { ...details, exitCode: 2 });
}

export function placeOf({ index }: Setting<unknown>): string {
  return index === null ? 'in the environment' : `word ${index} of the command`;
}
