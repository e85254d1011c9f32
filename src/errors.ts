// SPDX-License-Identifier: MIT
// The one error class of the project: what went wrong, where, with which value and limit, and what to do.

/** Every code a failure can carry; docs/errors.md lists them. A code, once published, keeps its meaning. */
export type ErrorCode =
  | 'usage'
  | 'file-unreadable'
  | 'file-unwritable'
  | 'not-a-regular-file'
  | 'file-changed'
  | 'gguf-magic'
  | 'gguf-version'
  | 'gguf-truncated'
  | 'gguf-limit'
  | 'gguf-invalid'
  | 'gguf-split'
  | 'gguf-tensor-range'
  | 'gguf-tensor-overlap'
  | 'gguf-tensor-type'
  | 'map-syntax'
  | 'map-role'
  | 'map-node'
  | 'map-range'
  | 'map-empty-rule'
  | 'map-rows-nodes'
  | 'topology-unreadable'
  | 'plan-impossible'
  | 'export-impossible'
  | 'flag-conflict'
  | 'command-not-found'
  | 'linux-only'
  | 'preload-static'
  | 'preload-set-id'
  | 'preload-capabilities'
  | 'preload-stripped'
  | 'preload-libc'
  | 'preload-architecture'
  | 'native-missing'
  | 'placement-refused'
  | 'process-gone'
  | 'report-unreadable'
  | 'report-unwritable'
  | 'lab-missing-tool'
  | 'lab-failed'
  | 'check-failed'
  /** The system refused something (no space, no permission); the message is its own. */
  | 'system'
  /** A bug in numashard. */
  | 'internal';

/** Exit codes of the commands: 1 failed check, 2 wrong use, 3 unusable input, 4 the machine refused. */
export type ExitCode = 1 | 2 | 3 | 4 | 125 | 126 | 127;

export interface ErrorDetails {
  readonly hint?: string;
  readonly cause?: unknown;
  readonly exitCode?: ExitCode;
}

/** A failure a person can act on. `message` says what, where, value and limit; `hint` says what to do. */
export class NumashardError extends Error {
  override readonly name = 'NumashardError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.hint = details.hint;
    this.exitCode = details.exitCode ?? 3;
  }
}
