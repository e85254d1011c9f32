// SPDX-License-Identifier: MIT
// The kernel of an emulated machine, as Debian ships it, with the drivers to reach its drives; made once and kept.
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NumashardError } from '../errors.js';
import type { FileSystemName } from './file-systems.js';
import { fetchPackages, type PackageRequest, requestKey } from './guest-packages.js';
import { runTool } from './host-tools.js';
import { extractModules } from './kernel-modules.js';
import type { KernelName, MachineDescription } from './machine.js';
import { makeOnce } from './make-once.js';
import type { OnLabProgress } from './progress.js';

/** Raise when the way a kernel is kept changes: those kept otherwise are then not found. */
const recipe = '1';

interface KernelSource extends PackageRequest {
  /** Drivers by what they are for; those for a file system are loaded where a drive has it. */
  readonly modules: Readonly<Record<'base' | FileSystemName, readonly string[]>>;
}

const modules = { base: ['virtio_pci', 'virtio_blk', 'virtio_console'], ext4: ['ext4'], xfs: ['xfs'] };
/** What an image package depends on besides (initramfs tools, udev, …) is of no use here. */
const only = /^linux-(image|binary|modules|base)-\d/;
const cloud = { architecture: 'amd64', packages: ['linux-image-cloud-amd64'], only, modules };
const power = { architecture: 'ppc64el', only, modules };

const kernels: Record<MachineDescription['architecture'], Record<KernelName, KernelSource>> = {
  'x86-64': {
    '6.1': { ...cloud, suite: 'bookworm' },
    unstable: { ...cloud, suite: 'unstable' },
  },
  ppc64le: {
    '6.1': {
      ...power,
      suite: 'bookworm',
      packages: ['linux-image-powerpc64le'],
      // ext4 and XFS ask for "crc32c" by name, when nobody can load what offers it any more.
      modules: { ...modules, base: [...modules.base, 'crc32c_generic'] },
    },
    // Debian's plain one has pages of 4 KiB by now.
    unstable: { ...power, suite: 'unstable', packages: ['linux-image-powerpc64le-64k'] },
  },
};

/** Returns the folder of the machine's kernel below `directory`: `vmlinuz`, `modules/`, `versions.json`. */
export function prepareKernel(
  { architecture, kernel }: MachineDescription,
  directory: string,
  onProgress?: OnLabProgress,
): Promise<string> {
  const source = kernels[architecture][kernel];
  const key = requestKey(source, `${recipe} ${JSON.stringify(source.modules)}`);
  return makeOnce(join(directory, 'kernels', `${architecture}-${kernel}-${key}`), async (work) => {
    const packages = await fetchPackages(source, directory, onProgress);
    onProgress?.({ step: 'build', what: `kernel ${kernel} for ${architecture}` });
    const unpacked = `${work}.unpacked`;
    for (const { path } of packages) await runTool('dpkg-deb', ['-x', path, unpacked]);
    await mkdir(join(work, 'modules'), { recursive: true });
    await copyFile(await findImage(unpacked), join(work, 'vmlinuz'));
    for (const [purpose, names] of Object.entries(source.modules)) {
      const order = await extractModules(unpacked, names, join(work, 'modules'));
      await writeFile(join(work, 'modules', `order-${purpose}`), order.map((file) => `${file}\n`).join(''));
    }
    const versions = Object.fromEntries(packages.map(({ name, version }) => [name, version]));
    await writeFile(join(work, 'versions.json'), `${JSON.stringify(versions, null, 2)}\n`);
  });
}

/** boot/vmlinuz-VERSION, boot/vmlinux-VERSION or, since Debian 14, usr/lib/modules/VERSION/vmlinuz. */
async function findImage(unpacked: string): Promise<string> {
  const files = await readdir(unpacked, { recursive: true });
  const image = files.find((file) => /(^|\/)vmlinu[xz](-[^/]*)?$/.test(file));
  if (image) return join(unpacked, image);
  throw new NumashardError('lab-failed', 'the kernel package has no kernel', { exitCode: 4 });
}
