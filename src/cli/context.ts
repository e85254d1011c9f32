// SPDX-License-Identifier: MIT
// What a command may know of the process it runs in, and how it answers. Made once, in main.ts; tests make their own.
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reportDirectory } from '../runtime/environment.js';

export interface CommandContext {
  stdout(text: string | Uint8Array): void;
  stderr(text: string | Uint8Array): void;
  /** How the process is to end: an exit code (0 unless told), or the signal that ended a child. */
  endWith(ending: number | NodeJS.Signals): void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTerminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Whether standard output may be coloured; see no-color.org. */
  readonly hasColour: boolean;
  /** Profiles and lab systems; may not exist yet. */
  readonly cacheDirectory: string;
  /** Where bin/, dist/, native/ and lab/ lie. */
  readonly projectDirectory: string;
  /** Reports of running processes; may not exist. */
  readonly runtimeDirectory: string;
}

type Surroundings = Pick<
  CommandContext,
  'cacheDirectory' | 'runtimeDirectory' | 'projectDirectory' | 'hasColour'
>;

/** What follows from the environment. Source of truth for the directories: the XDG base directory specification. */
export function surroundings(env: CommandContext['env'], isTerminal: boolean): Surroundings {
  const { XDG_CACHE_HOME: cache, NO_COLOR: noColour, TERM: terminal } = env;
  return {
    // The specification says to ignore relative paths.
    cacheDirectory: join(cache && isAbsolute(cache) ? cache : join(homedir(), '.cache'), 'numashard'),
    runtimeDirectory: reportDirectory(env, process.getuid?.() ?? 0),
    projectDirectory: fileURLToPath(new URL('../..', import.meta.url)),
    hasColour: isTerminal && !noColour && terminal !== 'dumb',
  };
}
