// SPDX-License-Identifier: MIT
// What a program file says of itself, as far as preloading is concerned: its ELF head or first line, and who it runs as.
import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { type ElfProgram, readElf } from './elf.js';
import { readInterpreterLine, withFile } from './find-program.js';

export interface ProgramFacts {
  readonly path: string;
  /** null: not an ELF file, or not readable. */
  readonly elf: ElfProgram | null;
  /** First line of a script, interpreter first. */
  readonly interpreterLine: readonly string[] | null;
  /** Started so, the kernel tells the loader to trust no environment (AT_SECURE of getauxval(3)), and why. */
  readonly secure: 'set-user-id' | 'set-group-id' | 'capabilities' | null;
}

/** Who starts it. */
export interface Caller {
  readonly uid: number;
  readonly gid: number;
}

/** `helper`: numashard-pages. Throws what stat(2) says. */
export async function readProgramFacts(path: string, helper: string, caller: Caller): Promise<ProgramFacts> {
  const read = withFile(path, async (readAt) => ({
    elf: await readElf(readAt),
    interpreterLine: await readInterpreterLine(readAt),
  }));
  // A program that may be run and not read is still started by the kernel.
  const { elf, interpreterLine } = await read.catch(() => ({ elf: null, interpreterLine: null }));
  // Of a script only its interpreter counts: set-id bits and capabilities of scripts are not looked at.
  return {
    path,
    elf,
    interpreterLine,
    secure: interpreterLine === null ? await findPrivilege(path, helper, caller) : null,
  };
}

/** As begin_new_exec() and cap_bprm_creds_from_file() of the kernel decide it. */
async function findPrivilege(path: string, helper: string, caller: Caller): Promise<ProgramFacts['secure']> {
  const { mode, uid, gid } = await stat(path);
  const isSetUser = (mode & 0o4000) !== 0 && uid !== caller.uid;
  // Without the group's x the bit means mandatory locking.
  const isSetGroup = (mode & 0o2010) === 0o2010 && gid !== caller.gid;
  const { stdout } = await promisify(execFile)(helper, ['program', path]);
  const [, capabilities, nosuid] = /^capabilities ([01]) nosuid ([01])\n$/.exec(stdout) ?? [];
  if (nosuid === '1') return null;
  if ((isSetUser || isSetGroup) && !(await hasNoNewPrivileges()))
    return isSetUser ? 'set-user-id' : 'set-group-id';
  // Root has all of them anyway and gains nothing.
  return capabilities === '1' && caller.uid !== 0 ? 'capabilities' : null;
}

async function hasNoNewPrivileges(): Promise<boolean> {
  return /^NoNewPrivs:\s*1$/m.test(await readFile('/proc/self/status', 'utf8').catch(() => ''));
}
