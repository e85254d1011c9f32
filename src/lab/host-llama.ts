// SPDX-License-Identifier: MIT
// The guest's llama.cpp on this host, for measurements that an emulated machine cannot make: through its own dynamic
// loader, since its C library is newer than the host's, and with one backend named, since the folder that it looks
// into is compiled in.
import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { prepareRoot } from './guest-root.js';
import { runTool } from './host-tools.js';
import type { MachineDescription } from './machine.js';
import { makeOnce } from './make-once.js';
import type { OnLabProgress } from './progress.js';

export interface HostLlama {
  /** What to start for llama-bench, before its own options. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

const libraries = '/usr/lib/x86_64-linux-gnu';
/** Folder of the guest, and what of it is wanted. */
const wanted: Readonly<Record<string, RegExp>> = {
  // All but what is Node.js's alone: what llama.cpp needs, it may need tomorrow.
  [libraries]: /^(?:ld-linux|lib(?!node|icu|simd)).*\.so\b/,
  [`${libraries}/llama`]: /^libllama-bench-impl\.so/,
  [`${libraries}/ggml/backends0`]: /^libggml-cpu-(?:haswell|x64)\.so/,
  '/usr/bin': /^llama-bench$/,
};

/** Takes llama-bench and its libraries out of the machine's system. `cpuFlags`: those of /proc/cpuinfo. */
export async function prepareHostLlama(
  machine: MachineDescription,
  directory: string,
  cpuFlags: readonly string[],
  onProgress?: OnLabProgress,
): Promise<HostLlama> {
  const home = await prepareRoot(machine, directory, onProgress);
  const folder = await makeOnce(join(directory, 'llama', basename(home)), async (work) => {
    await mkdir(work);
    for (const [guestFolder, names] of Object.entries(wanted)) {
      await takeOut(join(home, 'root.ext4'), guestFolder, names, work);
    }
  });
  const backend = cpuFlags.includes('avx2') ? 'haswell' : 'x64';
  return {
    command: [join(folder, 'ld-linux-x86-64.so.2'), '--library-path', folder, join(folder, 'llama-bench')],
    environment: { GGML_BACKEND_PATH: join(folder, `libggml-cpu-${backend}.so`) },
  };
}

async function takeOut(image: string, guestFolder: string, names: RegExp, work: string): Promise<void> {
  // Lines of /inode/mode/uid/gid/name/size/.
  const listing = await runTool('debugfs', ['-R', `ls -p ${guestFolder}`, image]);
  const found = listing.split('\n').map((line) => line.split('/')[5] ?? '');
  const paths = found.filter((name) => names.test(name)).map((name) => `${guestFolder}/${name}`);
  await runTool('debugfs', ['-R', `rdump ${paths.join(' ')} .`, image], { cwd: work });
}
