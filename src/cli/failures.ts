// SPDX-License-Identifier: MIT
// How a failure looks: `error:` and `hint:` on standard error, under --json also numashard/error/1 on standard output.
import { CommanderError } from 'commander';
import { type ErrorCode, NumashardError } from '../errors.js';
import type { CommandContext } from './context.js';

export interface FailureScene {
  /** The command's full name, for the hint: `numashard map check`. */
  readonly command: string;
  readonly isJson: boolean;
  /** Then our own failures end with 125, out of the way of the child's exit codes. */
  readonly hasChild: boolean;
}

interface ErrorDocument {
  readonly schema: 'numashard/error/1';
  readonly error: { readonly code: ErrorCode; readonly message: string; readonly hint: string | null };
}

/** Reports a failure and says how the process ends. */
export function reportFailure(thrown: unknown, scene: FailureScene, context: CommandContext): void {
  const failure = asNumashardError(thrown, scene);
  if (scene.isJson) context.stdout(`${JSON.stringify(errorDocument(failure))}\n`);
  context.stderr(`error: ${failure.message}\n`);
  if (failure.hint !== undefined) context.stderr(`hint: ${failure.hint}\n`);
  const { NUMASHARD_DEBUG: debug } = context.env;
  if (debug) context.stderr(`${stackOf(thrown)}\n`);
  context.endWith(scene.hasChild ? Math.max(failure.exitCode, 125) : failure.exitCode);
}

function errorDocument({ code, message, hint }: NumashardError): ErrorDocument {
  return { schema: 'numashard/error/1', error: { code, message, hint: hint ?? null } };
}

function asNumashardError(thrown: unknown, scene: FailureScene): NumashardError {
  if (thrown instanceof NumashardError) return thrown;
  if (thrown instanceof CommanderError) return wrongUse(thrown, scene);
  if (isSystemError(thrown)) {
    return new NumashardError('system', thrown.message, { cause: thrown, exitCode: 4 });
  }
  const message = `numashard itself failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`;
  return new NumashardError('internal', message, {
    cause: thrown,
    exitCode: 4,
    hint: 'this is a bug: report it with the output of numashard --version; NUMASHARD_DEBUG=1 shows where',
  });
}

/** Commander puts its suggestion into the message: "error: unknown option '--jsn'\n(Did you mean --json?)". */
function wrongUse(thrown: CommanderError, { command }: FailureScene): NumashardError {
  const [first = '', ...rest] = thrown.message.replace(/^error: /, '').split('\n');
  const message = thrown.code === 'commander.help' ? `${command}: no command given` : first;
  const suggestion = /^\((Did you mean .*)\)$/.exec(rest.join(' '))?.[1];
  const help = `${command} --help shows what there is`;
  const hint = suggestion ? `${suggestion.replace('Did', 'did')} (${help})` : help;
  return new NumashardError('usage', message, { cause: thrown, exitCode: 2, hint });
}

function isSystemError(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && 'syscall' in thrown && 'code' in thrown;
}

function stackOf(thrown: unknown): string {
  return thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
}
