// SPDX-License-Identifier: MIT
// Online CPUs and the physical cores they belong to.
// Source of truth: the kernel's Documentation/ABI/stable/sysfs-devices-system-cpu and admin-guide/cputopology.rst.
import type { KernelFiles } from './kernel-files.js';

const cpuDirectory = 'sys/devices/system/cpu';

export interface OnlineCpus {
  readonly online: readonly number[];
  /** Present but switched off. */
  readonly offline: readonly number[];
}

/** From `cpu/online`; on kernels without it from the `cpuN` directories and their `online` files. */
export async function readOnlineCpus(files: KernelFiles): Promise<OnlineCpus> {
  const directories = (await files.numbered(cpuDirectory, 'cpu')) ?? [];
  const listed = await files.cpuList(`${cpuDirectory}/online`);
  if (listed !== null && listed.length > 0) {
    const present = (await files.cpuList(`${cpuDirectory}/present`)) ?? directories;
    const online = new Set(listed);
    return { online: listed, offline: present.filter((cpu) => !online.has(cpu)) };
  }
  const states = await Promise.all(
    directories.map(async (cpu) => ({
      cpu,
      isOnline: (await files.text(`${cpuDirectory}/cpu${cpu}/online`)) !== '0',
    })),
  );
  return {
    online: states.filter((state) => state.isOnline).map((state) => state.cpu),
    offline: states.filter((state) => !state.isOnline).map((state) => state.cpu),
  };
}

interface CoreCpus {
  /** Online hardware threads of one core, ascending. */
  readonly cpus: readonly number[];
  readonly socket: number | null;
}

export interface CoresFound {
  /** In the order of their first CPU. */
  readonly cores: readonly CoreCpus[];
  /** Online CPUs whose core the kernel does not tell; each counts as a core of its own. */
  readonly unknown: readonly number[];
}

export async function readCores(files: KernelFiles, online: readonly number[]): Promise<CoresFound> {
  const isOnline = new Set(online);
  const entries = await Promise.all(
    online.map(async (cpu) => ({ cpu, ...(await readCpuTopology(files, cpu)) })),
  );
  const byCoreId = new Map<string, number[]>();
  for (const { cpu, coreId, socket } of entries) {
    if (coreId === null) continue;
    const key = `${socket}/${coreId}`;
    byCoreId.set(key, [...(byCoreId.get(key) ?? []), cpu]);
  }
  const taken = new Set<number>();
  const cores: CoreCpus[] = [];
  for (const { cpu, siblings, coreId, socket } of entries) {
    if (taken.has(cpu)) continue;
    const listed = siblings ?? byCoreId.get(`${socket}/${coreId}`) ?? [];
    const cpus = [...new Set([cpu, ...listed])]
      .filter((sibling) => isOnline.has(sibling) && !taken.has(sibling))
      .sort((left, right) => left - right);
    for (const sibling of cpus) taken.add(sibling);
    cores.push({ cpus, socket });
  }
  const unknown = entries.filter((entry) => entry.siblings === null && entry.coreId === null);
  return { cores, unknown: unknown.map((entry) => entry.cpu) };
}

async function readCpuTopology(files: KernelFiles, cpu: number) {
  const directory = `${cpuDirectory}/cpu${cpu}/topology`;
  const [list, mask, core, socket] = await Promise.all([
    files.cpuList(`${directory}/thread_siblings_list`),
    files.cpuMask(`${directory}/thread_siblings`),
    files.integer(`${directory}/core_id`),
    files.integer(`${directory}/physical_package_id`),
  ]);
  const siblings = list !== null && list.length > 0 ? list : mask;
  // -1 is the kernel's "not known" for both ids.
  return { siblings, coreId: known(core), socket: known(socket) };
}

function known(id: number | null): number | null {
  return id === null || id < 0 ? null : id;
}
