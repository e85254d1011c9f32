// SPDX-License-Identifier: MIT
// How a command answers: one JSON document under --json, else text.
import type { CommandContext } from './context.js';

export interface JsonOption {
  readonly json?: boolean;
}

/** `text` is made only when it is wanted. */
export function emit<Document extends { readonly schema: `numashard/${string}/${number}` }>(
  context: CommandContext,
  { json }: JsonOption,
  document: Document,
  text: () => string,
): void {
  context.stdout(json ? `${JSON.stringify(document)}\n` : `${text()}\n`);
}
