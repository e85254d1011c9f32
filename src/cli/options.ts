// SPDX-License-Identifier: MIT
// Options that several commands share, and how their words become values.
import { InvalidArgumentError, Option } from 'commander';
import { strategyNames } from '../plan/types.js';
import { residencies } from '../runtime/environment.js';

/** For argParser: commander adds the option's name to the message. The limits are those of what is asked for. */
export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It is not a whole number.');
  return Number(text);
}

/** The same for what is of no use without one. */
export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value < 1) throw new InvalidArgumentError('It must be at least 1.');
  return value;
}

/** Where in a file a model begins. */
export function offsetOption(): Option {
  return new Option(
    '--offset <bytes>',
    'where in the file the model begins, if it is inside another',
  ).argParser((text) => {
    if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is not a number of bytes.');
    return Number(text);
  });
}

/** For argParser, of an option that may be given several times. */
export function oneMore(value: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), value];
}

export function threadsOption(): Option {
  return new Option(
    '-t, --threads <n>',
    'threads of llama.cpp; default: one for each physical core',
  ).argParser(wholeNumber);
}

export function strategyOption(): Option {
  return new Option('--strategy <name>', 'how to place, instead of letting plan choose').choices(
    strategyNames,
  );
}

export function residencyOption(): Option {
  return new Option(
    '--residency <name>',
    'hold mapped weights in the page cache or in private memory; default: the preload chooses',
  ).choices(residencies);
}

export function machineOption(): Option {
  return new Option(
    '--machine <path>',
    'a recorded machine instead of this one: a directory with its sys and proc, or a .tar.gz of it',
  );
}
