// SPDX-License-Identifier: MIT
// What stands in front of the program in a command: `numactl … taskset … env A=b llama-server`. Each is looked through;
// what it does to CPUs, memory and environment is kept for those who plan.
import type { Setting } from './command-types.js';
import { wrapperForms } from './wrapper-table.js';

export interface Wrapper {
  readonly name: string;
  /** Position of its word in the command. */
  readonly index: number;
  /** Its options, short ones by their letter, in order. */
  readonly options: readonly (Setting<string | null> & { readonly option: string })[];
  /** Words of its own that are no options: taskset's mask, env's assignments. */
  readonly operands: readonly Setting<string>[];
}

export interface WrappedProgram {
  readonly wrappers: readonly Wrapper[];
  /** Position of the first word that is no wrapper's; the number of words where there is none. */
  readonly start: number;
}

export function readWrappers(argv: readonly string[]): WrappedProgram {
  const wrappers: Wrapper[] = [];
  let start = 0;
  for (;;) {
    const found = readWrapper(argv, start);
    if (found === null) return { wrappers, start };
    wrappers.push(found.wrapper);
    start = found.end;
  }
}

export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function readWrapper(argv: readonly string[], index: number): { wrapper: Wrapper; end: number } | null {
  const name = baseName(argv[index] ?? '');
  const form = wrapperForms.get(name);
  if (form === undefined) return null;
  const options: Wrapper['options'][number][] = [];
  const operands: Setting<string>[] = [];
  let at = index + 1;
  for (; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') {
      at++;
      break;
    }
    if (name === 'perf' && operands.length === 0 && !word.startsWith('-')) {
      // Its options follow the name of what it is to do.
      operands.push({ value: word, text: word, index: at });
      continue;
    }
    if (word === '-' || !word.startsWith('-')) break;
    at = readOption(argv, at, form, options);
  }
  const takesOperand = (word: string): boolean =>
    name === 'env' ? word === '-' || /^[^=]+=/.test(word) : operands.length < form.operands;
  for (; at < argv.length && takesOperand(argv[at] ?? ''); at++) {
    const word = argv[at] ?? '';
    operands.push({ value: word, text: word, index: at });
  }
  return { wrapper: { name, index, options, operands }, end: at };
}

/** Returns the position of the last word that belongs to the option at `at`. */
function readOption(
  argv: readonly string[],
  at: number,
  { letters, longs }: { readonly letters: string; readonly longs: readonly string[] },
  options: Wrapper['options'][number][],
): number {
  const word = argv[at] ?? '';
  const next = argv[at + 1] ?? '';
  if (word.startsWith('--')) {
    const equals = word.indexOf('=');
    const option = equals < 0 ? word.slice(2) : word.slice(2, equals);
    const takesNext = equals < 0 && longs.includes(option) && at + 1 < argv.length;
    const value = equals >= 0 ? word.slice(equals + 1) : takesNext ? next : null;
    options.push({ option, value, text: takesNext ? `${word} ${next}` : word, index: at });
    return takesNext ? at + 1 : at;
  }
  for (let letter = 1; letter < word.length; letter++) {
    const option = word[letter] ?? '';
    if (!letters.includes(option)) {
      options.push({ option, value: null, text: word, index: at });
      continue;
    }
    const isLast = letter + 1 === word.length;
    const value = isLast ? next : word.slice(letter + 1);
    options.push({ option, value, text: isLast ? `${word} ${next}` : word, index: at });
    return isLast && at + 1 < argv.length ? at + 1 : at;
  }
  return at;
}
