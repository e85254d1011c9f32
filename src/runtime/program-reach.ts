// SPDX-License-Identifier: MIT
// Whether LD_PRELOAD reaches the program of a command, told before it starts. Source of truth: ld.so(8), execve(2);
// what wrappers and scripts start in their turn is not followed, but an environment that is lost on the way is told.
import { basename } from 'node:path';
import { NumashardError } from '../errors.js';
import type { LlamaCommand } from './command-types.js';
import { describeArchitecture, type ElfProgram } from './elf.js';
import { findProgram } from './find-program.js';
import type { ProgramFacts } from './program-facts.js';
import { strippers } from './wrapper-table.js';
import { baseName } from './wrappers.js';

export interface Reach {
  /** $PATH of the command. */
  readonly path: string | undefined;
  /** The preload library's own ELF head. */
  readonly library: ElfProgram;
  readonly readFacts: (path: string) => Promise<ProgramFacts>;
}

/** Scripts whose interpreter is a script: as deep as the kernel goes (exec_binprm). */
const maxScriptDepth = 5;

/** Throws one of the `preload-…` codes; returns lines about what cannot be known. */
export async function checkReach(command: LlamaCommand, reach: Reach): Promise<string[]> {
  const notes: string[] = [];
  const { wrappers, program, argv } = command;
  checkStrippers(command);
  for (const { index } of wrappers)
    await checkProgram(argv[index] ?? '', { isModelReader: false }, reach, notes);
  await checkProgram(program.value, { isModelReader: command.kind !== 'other' }, reach, notes);
  return notes;
}

function checkStrippers({ wrappers, program, name }: LlamaCommand): void {
  const words = [
    ...wrappers.map((wrapper) => ({ ...wrapper, word: wrapper.name })),
    { ...program, word: name },
  ];
  for (const { word, index, ...rest } of words) {
    const hint = strippers.get(word);
    const keeps = 'options' in rest && rest.options.some(({ option }) => option === 'scope');
    if (hint === undefined || keeps) continue;
    const message = `${word} (word ${index} of the command) starts what follows without LD_PRELOAD`;
    throw unreachable('preload-stripped', message, hint);
  }
}

async function checkProgram(
  name: string,
  role: { readonly isModelReader: boolean },
  reach: Reach,
  notes: string[],
  depth = 0,
): Promise<void> {
  const path = await findProgram(name, reach.path);
  // Starting it will say what is wrong with it.
  if (path === null || depth > maxScriptDepth) return;
  const facts = await reach.readFacts(path);
  if (facts.interpreterLine !== null) {
    const [interpreter = '', argument = ''] = facts.interpreterLine;
    await checkProgram(interpreter, { isModelReader: false }, reach, notes, depth + 1);
    if (baseName(interpreter) === 'env' && !argument.startsWith('-')) {
      await checkProgram(argument, { isModelReader: false }, reach, notes, depth + 1);
    }
    return;
  }
  checkPrivilege(facts);
  if (facts.elf !== null) checkElf(facts.path, facts.elf, role, reach.library, notes);
}

function checkPrivilege({ path, secure }: ProgramFacts): void {
  switch (secure) {
    case null:
      return;
    case 'set-user-id':
    case 'set-group-id': {
      const [bit, letter] = secure === 'set-user-id' ? ['setuid', 'u'] : ['setgid', 'g'];
      const hint = `chmod ${letter}-s it, or start numashard as the ${bit === 'setuid' ? 'user' : 'group'} that it belongs to`;
      throw unreachable('preload-set-id', `${path} is ${bit}: started so, it ignores LD_PRELOAD`, hint);
    }
    case 'capabilities': {
      const message = `${path} has file capabilities: started so, it ignores LD_PRELOAD`;
      const hint = `setcap -r ${path}; what it needs them for can be given otherwise, locking memory by ulimit -l`;
      throw unreachable('preload-capabilities', message, hint);
    }
    default:
      secure satisfies never;
  }
}

function checkElf(
  path: string,
  elf: ElfProgram,
  { isModelReader }: { readonly isModelReader: boolean },
  library: ElfProgram,
  notes: string[],
): void {
  const isOurs = (['bits', 'isLittleEndian', 'machine'] as const).every(
    (field) => elf[field] === library[field],
  );
  if (!isOurs) {
    const message = `${path} is for ${describeArchitecture(elf)}, the preload library for ${describeArchitecture(library)}`;
    if (isModelReader)
      throw unreachable('preload-architecture', message, 'use a llama.cpp built for this machine');
    notes.push(`${message}: only what it starts can be reached`);
  } else if (elf.interpreter === null) {
    const message = `${path} is linked statically: no loader reads LD_PRELOAD`;
    const hint =
      'use a llama.cpp with shared libraries, as distributions and its own releases have it; or numashard place';
    if (isModelReader) throw unreachable('preload-static', message, hint);
    notes.push(`${message}; only what it starts can be reached`);
  } else if (/^(?:ld-musl-|ld-uClibc|linker(?:64)?$)/.test(basename(elf.interpreter))) {
    // It would take the library, and end where that needs what only the GNU C library has.
    const message = `${path} is of another C library (its loader is ${elf.interpreter}), the preload library of the GNU one`;
    throw unreachable(
      'preload-libc',
      message,
      'use a llama.cpp built for the GNU C library; or numashard place',
    );
  }
}

function unreachable(
  code:
    | 'preload-static'
    | 'preload-set-id'
    | 'preload-capabilities'
    | 'preload-stripped'
    | 'preload-libc'
    | 'preload-architecture',
  message: string,
  hint: string,
): NumashardError {
  return new NumashardError(code, message, { hint, exitCode: 125 });
}
