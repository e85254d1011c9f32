// SPDX-License-Identifier: MIT
// A machine description as QEMU's command line. Source of truth: qemu-system-x86_64(1), qemu-system-ppc64(1).
import { type MachineDescription, nodeIds } from './machine.js';

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

/** QEMU wants one to a node that nobody sees, too. */
const anyDistance = 20;

/** The unix sockets QEMU inherits, in the order of its file descriptors from 3 on. */
export const qemuChannels = ['console', 'control', 'stdout', 'stderr', 'signal'] as const;
export type QemuChannel = (typeof qemuChannels)[number];
export const firstChannelDescriptor = 3;

export const qemuPrograms = {
  'x86-64': 'qemu-system-x86_64',
  ppc64le: 'qemu-system-ppc64',
} as const satisfies Record<MachineDescription['architecture'], string>;

const boards: Record<MachineDescription['architecture'], { args: readonly string[]; console: string }> = {
  'x86-64': { args: ['-cpu', 'max'], console: 'ttyS0' },
  ppc64le: {
    // TCG has none of the barriers that these capabilities promise (docs/system/ppc/pseries in QEMU).
    args: ['-M', 'pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken', '-cpu', 'POWER8'],
    console: 'hvc0',
  },
};

export function qemuArguments(machine: MachineDescription, images: MachineImages): string[] {
  const board = boards[machine.architecture];
  const cpus = machine.nodes.reduce((sum, node) => sum + node.cpus, 0);
  const memoryMebibytes = machine.nodes.reduce((sum, node) => sum + node.memoryMebibytes, 0);
  return [
    // thread=multi: one host thread per emulated CPU, or workers would never run at the same time.
    ...['-accel', 'tcg,thread=multi', ...board.args, '-nodefaults', '-display', 'none', '-no-reboot'],
    ...['-m', `${memoryMebibytes}M`, '-smp', processorTopology(machine, cpus)],
    ...nodeArguments(machine),
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
    `console=${board.console} quiet panic=-1 numashard.machine=${machine.name} numashard.filesystem=${images.fileSystem}`,
  ];
}

/** One socket a node where all nodes have the same number of CPUs, else one socket. */
function processorTopology(machine: MachineDescription, cpus: number): string {
  const counts = new Set(machine.nodes.map((node) => node.cpus).filter((count) => count > 0));
  const cores = counts.size === 1 ? ([...counts][0] ?? cpus) : cpus;
  return `${cpus},sockets=${cpus / cores},cores=${cores},threads=1`;
}

/** QEMU numbers nodes without gaps: an id that is left out is a node with nothing in it, which no kernel shows. */
function nodeArguments(machine: MachineDescription): string[] {
  const places = nodeIds(machine);
  const ids = Array.from({ length: (places.at(-1) ?? 0) + 1 }, (_, id) => id);
  let nextCpu = 0;
  const nodes = ids.flatMap((id) => {
    const { cpus, memoryMebibytes } = machine.nodes[places.indexOf(id)] ?? { cpus: 0, memoryMebibytes: 0 };
    const range = cpus === 0 ? '' : `,cpus=${nextCpu}-${nextCpu + cpus - 1}`;
    nextCpu += cpus;
    if (memoryMebibytes === 0) return ['-numa', `node,nodeid=${id}${range}`];
    const memory = `memory-backend-ram,id=memory${id},size=${memoryMebibytes}M`;
    return ['-object', memory, '-numa', `node,nodeid=${id}${range},memdev=memory${id}`];
  });
  const distances = ids.flatMap((from) =>
    ids.flatMap((to) => {
      const asked = machine.distances[places.indexOf(from)]?.[places.indexOf(to)];
      const distance = asked ?? (from === to ? 10 : anyDistance);
      return ['-numa', `dist,src=${from},dst=${to},val=${distance}`];
    }),
  );
  return [...nodes, ...distances];
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
