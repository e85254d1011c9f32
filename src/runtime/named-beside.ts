// SPDX-License-Identifier: MIT
// Model and threads that the user names beside a command, for programs whose options say neither; where the command
// says them too, both must say the same.
import { conflict } from './command-conflict.js';
import type { LlamaCommand } from './command-types.js';

export interface NamedBeside {
  readonly model?: string;
  readonly threads?: number;
}

/** Throws `flag-conflict`. null: neither says. */
export function nameBeside(
  { model, threads }: LlamaCommand,
  named: NamedBeside,
): { readonly model: string | null; readonly threads: number | null } {
  if (model !== null && named.model !== undefined && model.value !== named.model) {
    throw conflict(model, `names another model than --model ${named.model}`, {
      hint: 'leave one of the two out',
    });
  }
  if (threads !== null && named.threads !== undefined && threads.value !== named.threads) {
    throw conflict(
      threads,
      `gives ${threads.value} threads, --threads ${named.threads} of numashard run others`,
      {
        hint: 'leave one of the two out',
      },
    );
  }
  return { model: named.model ?? model?.value ?? null, threads: named.threads ?? threads?.value ?? null };
}
