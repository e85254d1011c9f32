// SPDX-License-Identifier: MIT
// A command as the script the guest's agent runs, and the agent's word on how it ended. Pure.
import { constants } from 'node:os';
import { NumashardError } from '../errors.js';

/** Users of the guest: root, and one without privilege. */
export type GuestUser = 0 | 1000;

const users = {
  0: { name: 'root', home: '/root' },
  1000: { name: 'user', home: '/tmp/user' },
} as const;

export function guestUserName(user: GuestUser): string {
  return users[user].name;
}

/** The script for an argument vector, or for a text in the guest's shell (busybox ash). */
export function commandScript(
  command: readonly string[] | string,
  env: Readonly<Record<string, string>>,
  user: GuestUser,
): string {
  const { name, home } = users[user];
  const argv = typeof command === 'string' ? ['sh', '-c', command] : command;
  if (argv.length === 0) throw usage('the command to run in the machine is empty');
  const withNull = [...argv, ...Object.values(env)].find((word) => word.includes('\0'));
  if (withNull !== undefined)
    throw usage(`a NUL byte in ${JSON.stringify(withNull)} cannot be passed to a program`);
  const badName = Object.keys(env).find((variable) => !/^[A-Za-z_]\w*$/.test(variable));
  if (badName !== undefined)
    throw usage(`${JSON.stringify(badName)} is not the name of an environment variable`);
  const variables = { HOME: home, USER: name, LOGNAME: name, XDG_RUNTIME_DIR: `/run/user/${user}`, ...env };
  return [
    ...Object.entries(variables).map(([variable, value]) => `export ${variable}=${quoted(value)}`),
    `cd ${home}`,
    `exec ${argv.map(quoted).join(' ')}`,
    '',
  ].join('\n');
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

export interface CommandEnd {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Reads the first line of busybox `time`'s report: empty on success. */
export function parseCommandEnd(line: string): CommandEnd {
  const signalNumber = /terminated by signal (\d+)/.exec(line)?.[1];
  if (signalNumber !== undefined) {
    const entry = Object.entries(constants.signals).find(([, number]) => number === Number(signalNumber));
    return { exitCode: null, signal: (entry?.[0] ?? `SIG${signalNumber}`) as NodeJS.Signals };
  }
  return { exitCode: Number(/status (\d+)/.exec(line)?.[1] ?? 0), signal: null };
}

function usage(message: string): NumashardError {
  return new NumashardError('usage', message, { exitCode: 2 });
}
