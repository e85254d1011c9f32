// SPDX-License-Identifier: MIT
// Boots an emulated NUMA machine: the door to src/lab for tests and the command line.
import type { FileSystemName } from './file-systems.js';
import { GuestChannel } from './guest-channel.js';
import { prepareGuestImage } from './guest-image.js';
import { prepareModelImages, prepareProjectImage, prepareScratchImage } from './host-images.js';
import { requireLabTools } from './host-tools.js';
import { LabMachine } from './lab-machine.js';
import { type KernelName, loadMachine, type MachineDescription } from './machine.js';
import { orTimeout } from './or-timeout.js';
import type { OnLabProgress } from './progress.js';
import { Qemu } from './qemu.js';
import { type Drive, qemuArguments, qemuPrograms } from './qemu-arguments.js';

/** More than ten times what the slowest machine takes on two host CPUs. */
const bootTimeoutMilliseconds = 240_000;

export interface BootOptions {
  /** A name (`x86-4n`), the path of a machine file, or the machine itself. */
  readonly machine: string | MachineDescription;
  /** Instead of the machine's own. */
  readonly kernel?: KernelName;
  /** Host files that appear as /models/NAME. */
  readonly models?: readonly string[];
  /** Of the models and of /scratch; default: ext4. */
  readonly fileSystem?: FileSystemName;
  /** Whether there is a drive to write to, empty at first, at /scratch. */
  readonly scratch?: boolean;
  /** Whether the project is mounted at /numashard, with `numashard` in $PATH. */
  readonly project?: boolean;
  readonly projectDirectory: string;
  /** Where systems and drives are kept, e.g. ~/.cache/numashard/lab. */
  readonly cacheDirectory: string;
  readonly onProgress?: OnLabProgress;
}

export async function bootMachine(options: BootOptions): Promise<LabMachine> {
  const machine = machineOf(options);
  const { cacheDirectory, onProgress, fileSystem = 'ext4' } = options;
  const program = qemuPrograms[machine.architecture];
  requireLabTools(fileSystem === 'xfs' ? [program, 'mkfs.xfs'] : [program]);
  const models = await prepareModelImages(options.models ?? [], fileSystem, cacheDirectory, onProgress);
  const drives: Drive[] = models.map((path, index) => ({ serial: `model${index}`, path }));
  const image = await prepareGuestImage(machine, cacheDirectory, onProgress);
  drives.push({ serial: 'root', path: image.root });
  if (options.project) {
    const path = await prepareProjectImage(
      options.projectDirectory,
      machine.architecture,
      cacheDirectory,
      onProgress,
    );
    drives.push({ serial: 'project', path });
  }
  if (options.scratch) {
    const path = await prepareScratchImage(fileSystem, cacheDirectory);
    drives.push({ serial: 'scratch', path, isWritable: true });
  }
  onProgress?.({ step: 'boot', machine: machine.name });
  const start = performance.now();
  const { kernel, initramfs } = image;
  const qemu = new Qemu(program, qemuArguments(machine, { kernel, initramfs, drives, fileSystem }));
  const channel = new GuestChannel({
    control: qemu.channel('control'),
    stdout: qemu.channel('stdout'),
    stderr: qemu.channel('stderr'),
    signal: qemu.channel('signal'),
  });
  try {
    const ready = qemu.during(channel.ready(), 'while it booted');
    await orTimeout(ready, bootTimeoutMilliseconds, () => qemu.failure('the machine did not boot in time'));
  } catch (error) {
    await qemu.stop();
    throw error;
  }
  return new LabMachine(machine, image.versions, (performance.now() - start) / 1000, qemu, channel);
}

function machineOf({ machine, kernel }: BootOptions): MachineDescription {
  const described = typeof machine === 'string' ? loadMachine(machine) : machine;
  return kernel === undefined ? described : { ...described, kernel };
}
