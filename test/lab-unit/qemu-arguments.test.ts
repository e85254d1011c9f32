// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { loadMachine, type MachineDescription } from '../../src/lab/machine.js';
import { firstChannelDescriptor, qemuArguments, qemuChannels } from '../../src/lab/qemu-arguments.js';

const images = {
  kernel: 'vmlinuz',
  initramfs: 'initramfs',
  drives: [{ serial: 'root', path: 'a,b/root.ext4' }],
  fileSystem: 'xfs',
};

describe('qemuArguments', () => {
  it('gives every node its CPUs and memory', () => {
    const args = qemuArguments(loadMachine('x86-4n'), images);
    expect(valuesOf(args, '-smp')).toEqual(['8,sockets=4,cores=2,threads=1']);
    expect(valuesOf(args, '-m')).toEqual(['4096M']);
    expect(valuesOf(args, '-numa').filter((value) => value.startsWith('node,'))).toEqual([
      'node,nodeid=0,cpus=0-1,memdev=memory0',
      'node,nodeid=1,cpus=2-3,memdev=memory1',
      'node,nodeid=2,cpus=4-5,memdev=memory2',
      'node,nodeid=3,cpus=6-7,memdev=memory3',
    ]);
    expect(valuesOf(args, '-numa')).toContain('dist,src=3,dst=0,val=21');
    expect(valuesOf(args, '-object')).toContain('memory-backend-ram,id=memory2,size=1024M');
  });

  it('puts unequal nodes into one socket and leaves out what a node lacks', () => {
    const machine: MachineDescription = {
      name: 'unequal',
      architecture: 'x86-64',
      kernel: '6.1',
      nodes: [
        { cpus: 1, memoryMebibytes: 512 },
        { cpus: 0, memoryMebibytes: 64 },
        { cpus: 3, memoryMebibytes: 256 },
      ],
      distances: [
        [10, 11, 12],
        [11, 10, 13],
        [12, 13, 10],
      ],
    };
    const args = qemuArguments(machine, images);
    expect(valuesOf(args, '-smp')).toEqual(['4,sockets=1,cores=4,threads=1']);
    expect(valuesOf(args, '-numa').slice(0, 3)).toEqual([
      'node,nodeid=0,cpus=0-0,memdev=memory0',
      'node,nodeid=1,memdev=memory1',
      'node,nodeid=2,cpus=1-3,memdev=memory2',
    ]);
    expect(valuesOf(args, '-m')).toEqual(['832M']);
  });

  it('gives a node without memory no memory', () => {
    const args = qemuArguments(loadMachine('x86-uneven'), images);
    expect(valuesOf(args, '-numa')).toContain('node,nodeid=2,cpus=5-6');
    expect(valuesOf(args, '-numa')).toContain('node,nodeid=3,memdev=memory3');
    expect(valuesOf(args, '-object').map((value) => value.split(',')[1])).toEqual([
      ...['id=memory0', 'id=memory1', 'id=memory3'],
    ]);
  });

  it('leaves an id out by a node with nothing in it', () => {
    const args = qemuArguments(loadMachine('power8-gaps'), images);
    expect(valuesOf(args, '-numa').slice(0, 4)).toEqual([
      'node,nodeid=0,cpus=0-1,memdev=memory0',
      'node,nodeid=1',
      'node,nodeid=2,cpus=2-3,memdev=memory2',
      'node,nodeid=3,cpus=4-5,memdev=memory3',
    ]);
    expect(valuesOf(args, '-numa')).toContain('dist,src=3,dst=0,val=40');
    expect(valuesOf(args, '-numa').filter((value) => value.startsWith('dist,'))).toHaveLength(16);
    expect(valuesOf(args, '-cpu')).toEqual(['POWER8']);
    expect(valuesOf(args, '-append')[0]).toMatch(/^console=hvc0 /);
  });

  it('opens drives read-only and doubles commas in their paths', () => {
    const args = qemuArguments(loadMachine('x86-1n'), images);
    expect(valuesOf(args, '-drive')).toEqual(['file=a,,b/root.ext4,format=raw,if=none,readonly=on,id=root']);
    expect(valuesOf(args, '-device')).toContain('virtio-blk-pci,drive=root,serial=root');
  });

  it('lets a machine write to a drive without changing its image', () => {
    const drives = [{ serial: 'scratch', path: 's', isWritable: true }];
    const args = qemuArguments(loadMachine('x86-1n'), { ...images, drives });
    expect(valuesOf(args, '-drive')).toEqual(['file=s,format=raw,if=none,snapshot=on,id=scratch']);
  });

  it('tells the guest its name and the file system it needs a driver for', () => {
    const [line] = valuesOf(qemuArguments(loadMachine('x86-1n'), images), '-append');
    expect(line).toContain('numashard.machine=x86-1n numashard.filesystem=xfs');
  });

  it('connects every channel to the descriptor it is inherited as', () => {
    const args = qemuArguments(loadMachine('x86-1n'), images);
    expect(valuesOf(args, '-chardev')).toEqual(
      qemuChannels.map((channel, index) => `socket,id=${channel},fd=${firstChannelDescriptor + index}`),
    );
    expect(valuesOf(args, '-serial')).toEqual(['chardev:console']);
  });
});

function valuesOf(args: readonly string[], option: string): string[] {
  return args.filter((_, index) => args[index - 1] === option);
}
