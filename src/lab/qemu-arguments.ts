// SPDX-License-Identifier: MIT
// A machine description as QEMU's command line. Source of truth: qemu-system-x86_64(1).
import type { MachineDescription } from './machine.js';

export interface Drive {
  /** At most 20 bytes, virtio_blk's limit: the name the guest knows the drive by. */
  readonly serial: string;
  readonly path: string;
  /** What the machine writes goes into a nameless temporary file and never into the image. */
  readonly isWritable?: boolean;
}

export interface MachineImages {
  readonly kernel: string;
  readonly initramfs: string;
  readonly drives: readonly Drive[];
  /** The one that the guest needs a driver for. */
  readonly fileSystem: string;
}

/** The unix sockets QEMU inherits, in the order of its file descriptors from 3 on. */
export const qemuChannels = ['console', 'control', 'stdout', 'stderr', 'signal'] as const;
export type QemuChannel = (typeof qemuChannels)[number];
export const firstChannelDescriptor = 3;

export function qemuArguments(machine: MachineDescription, images: MachineImages): string[] {
  const cpus = machine.nodes.reduce((sum, node) => sum + node.cpus, 0);
  const memoryMebibytes = machine.nodes.reduce((sum, node) => sum + node.memoryMebibytes, 0);
  return [
    // thread=multi: one host thread per emulated CPU, or workers would never run at the same time.
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-m', `${memoryMebibytes}M`, '-smp', processorTopology(machine, cpus)],
    ...machine.nodes.flatMap((node, id) =>
      nodeArguments(node.cpus, node.memoryMebibytes, id, firstCpu(machine, id)),
    ),
    ...machine.distances.flatMap((row, from) =>
      row.flatMap((distance, to) => ['-numa', `dist,src=${from},dst=${to},val=${distance}`]),
    ),
    ...channelArguments(),
    ...images.drives.flatMap(({ serial, path, isWritable }) => [
      '-drive',
      `file=${escapeComma(path)},format=raw,if=none,${isWritable ? 'snapshot' : 'readonly'}=on,id=${serial}`,
      '-device',
      `virtio-blk-pci,drive=${serial},serial=${serial}`,
    ]),
    ...['-kernel', images.kernel, '-initrd', images.initramfs],
    // panic=-1 reboots at once, which -no-reboot turns into the end of QEMU: a dead guest is seen as one.
    '-append',
    `console=ttyS0 quiet panic=-1 numashard.machine=${machine.name} numashard.filesystem=${images.fileSystem}`,
  ];
}

/** One socket a node where all nodes have the same number of CPUs, else one socket. */
function processorTopology(machine: MachineDescription, cpus: number): string {
  const counts = new Set(machine.nodes.map((node) => node.cpus).filter((count) => count > 0));
  const cores = counts.size === 1 ? ([...counts][0] ?? cpus) : cpus;
  return `${cpus},sockets=${cpus / cores},cores=${cores},threads=1`;
}

function firstCpu(machine: MachineDescription, id: number): number {
  return machine.nodes.slice(0, id).reduce((sum, node) => sum + node.cpus, 0);
}

function nodeArguments(cpus: number, memoryMebibytes: number, id: number, first: number): string[] {
  const range = cpus === 0 ? '' : `,cpus=${first}-${first + cpus - 1}`;
  return [
    '-object',
    `memory-backend-ram,id=memory${id},size=${memoryMebibytes}M`,
    '-numa',
    `node,nodeid=${id}${range},memdev=memory${id}`,
  ];
}

function channelArguments(): string[] {
  const sockets = qemuChannels.flatMap((channel, index) => [
    '-chardev',
    `socket,id=${channel},fd=${firstChannelDescriptor + index}`,
  ]);
  const ports = qemuChannels
    .filter((channel) => channel !== 'console')
    .flatMap((channel) => ['-device', `virtserialport,chardev=${channel},name=${channel}`]);
  return [...sockets, '-serial', 'chardev:console', '-device', 'virtio-serial-pci', ...ports];
}

/** In QEMU's option lists a comma inside a value is written twice. */
function escapeComma(path: string): string {
  return path.replaceAll(',', ',,');
}
