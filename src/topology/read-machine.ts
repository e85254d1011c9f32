// SPDX-License-Identifier: MIT
// Everything sysfs says about a machine's nodes and CPUs, as read: nothing is reconciled here.
import { NumashardError } from '../errors.js';
import type { KernelFiles } from './kernel-files.js';
import { type CoresFound, type OnlineCpus, readCores, readOnlineCpus } from './read-cpus.js';
import { listedCpus, type NodeFiles, readNode } from './read-node.js';

const nodeDirectory = 'sys/devices/system/node';

export interface MachineFiles {
  /** From `node/online`; null where the kernel has none. */
  readonly onlineNodes: readonly number[] | null;
  /** Ids the kernel calls online, in order: the columns of the distance files. */
  readonly nodeIds: readonly number[];
  /** Of these, the ones with a directory. */
  readonly nodes: readonly NodeFiles[];
  readonly hasCpu: readonly number[] | null;
  readonly cpus: OnlineCpus;
  readonly cores: CoresFound;
  readonly filesWithNul: ReadonlySet<string>;
}

export async function readMachine(files: KernelFiles): Promise<MachineFiles> {
  const onlineNodes = await files.cpuList(`${nodeDirectory}/online`);
  const nodeIds =
    onlineNodes !== null && onlineNodes.length > 0
      ? onlineNodes
      : ((await files.numbered(nodeDirectory, 'node')) ?? []);
  const nodes = (await Promise.all(nodeIds.map((id) => readNode(files, id)))).filter((node) => node !== null);
  let cpus = await readOnlineCpus(files);
  if (cpus.online.length === 0) {
    const ofNodes = new Set(nodes.flatMap(listedCpus));
    cpus = { online: [...ofNodes].sort((left, right) => left - right), offline: [] };
  }
  if (cpus.online.length === 0) {
    throw new NumashardError(
      'topology-unreadable',
      'no online CPU found in sys/devices/system/cpu or …/node',
      {
        hint: 'the root must hold the sys and proc directories of a Linux machine',
      },
    );
  }
  const hasCpu = await files.cpuList(`${nodeDirectory}/has_cpu`);
  const cores = await readCores(files, cpus.online);
  return { onlineNodes, nodeIds, nodes, hasCpu, cpus, cores, filesWithNul: files.filesWithNul };
}
