// SPDX-License-Identifier: MIT
// Runs a command as env(1) would: its standard streams, its signals, its exit code; 126 and 127 where it
// cannot be started.
import { type ChildProcess, spawn } from 'node:child_process';
import { NumashardError } from '../errors.js';

export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Sent on to the child. A terminal sends SIGINT and SIGQUIT to both of us: those we only outlive. */
const forwarded = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
const outlived = ['SIGINT', 'SIGQUIT'] as const;

export interface LaunchOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Sees the child's pid as soon as it runs. */
  readonly onStart?: (pid: number) => void;
}

export async function launch(argv: readonly string[], { env, onStart }: LaunchOptions): Promise<Ended> {
  const [program = '', ...args] = argv;
  let child: ChildProcess | null = null;
  const pass = (signal: NodeJS.Signals): void => {
    child?.kill(signal);
  };
  // Without a terminal nobody else tells the child; with one, llama-server takes a second SIGINT as "at once".
  const hasTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY);
  const interrupt = hasTerminal ? (): void => {} : pass;
  // Before the child is there: a signal that came between the two would kill us and leave it behind.
  for (const signal of forwarded) process.on(signal, pass);
  for (const signal of outlived) process.on(signal, interrupt);
  try {
    const started = spawn(program, args, { stdio: 'inherit', env: { ...env } });
    child = started;
    return await new Promise<Ended>((resolve, reject) => {
      started.once('error', (cause: NodeJS.ErrnoException) => reject(notStarted(program, cause)));
      started.once('spawn', () => onStart?.(started.pid ?? 0));
      started.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
    });
  } finally {
    for (const signal of forwarded) process.off(signal, pass);
    for (const signal of outlived) process.off(signal, interrupt);
  }
}

function notStarted(program: string, cause: NodeJS.ErrnoException): NumashardError {
  const isMissing = cause.code === 'ENOENT';
  return new NumashardError(
    'command-not-found',
    isMissing
      ? `no program ${program} on PATH`
      : `${program} cannot be started: ${cause.code ?? cause.message}`,
    {
      exitCode: isMissing ? 127 : 126,
      hint: isMissing ? 'give its full path, or install llama.cpp' : 'is it an executable file?',
      cause,
    },
  );
}
