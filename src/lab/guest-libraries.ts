// SPDX-License-Identifier: MIT
// The guest's ggml and llama.cpp libraries as files on the host, with the C library and loader that they need: so that
// a program here can ask the real ones without a machine being started.
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { prepareRoot } from './guest-root.js';
import { runTool } from './host-tools.js';
import type { MachineDescription } from './machine.js';
import { makeOnce } from './make-once.js';
import type { OnLabProgress } from './progress.js';

const libraries = '/usr/lib/x86_64-linux-gnu';
const wanted =
  /^(?:ld-linux-x86-64|libc|libm|libgcc_s|libgomp|libstdc\+\+|libggml-base|libggml|libllama)\.so\b/;

/** Returns the folder of `ld-linux-x86-64.so.2` and the libraries, taken out of the machine's system. */
export async function guestLibraries(
  machine: MachineDescription,
  directory: string,
  onProgress?: OnLabProgress,
): Promise<string> {
  const home = await prepareRoot(machine, directory, onProgress);
  return makeOnce(join(directory, 'libraries', basename(home)), async (work) => {
    const image = join(home, 'root.ext4');
    // Lines of /inode/mode/uid/gid/name/size/.
    const listing = await runTool('debugfs', ['-R', `ls -p ${libraries}`, image]);
    const names = listing.split('\n').map((line) => line.split('/')[5] ?? '');
    const paths = names.filter((name) => wanted.test(name)).map((name) => `${libraries}/${name}`);
    await mkdir(work);
    await runTool('debugfs', ['-R', `rdump ${paths.join(' ')} .`, image], { cwd: work });
  });
}

/** What to start for `program`, a host's program that loads them, to find these libraries and no others. */
export function withLibraries(folder: string, program: string, ...args: readonly string[]): string[] {
  return [join(folder, 'ld-linux-x86-64.so.2'), '--library-path', folder, program, ...args];
}
