// SPDX-License-Identifier: MIT
// llama.cpp's own masks (--cpu-mask and its kin) against the CPUs on which a plan puts threads: a mask that holds all
// of these takes nothing away; any other is a conflict.
import { usableNodes } from '../plan/usable-nodes.js';
import { formatCpuList } from '../topology/cpu-list.js';
import type { Topology } from '../topology/types.js';
import { conflict } from './command-conflict.js';
import type { AffinitySetting, LlamaCommand } from './command-types.js';
import { readCpuRange, readHexMask } from './cpu-sets.js';
import { environmentNames } from './environment.js';

interface PlannedThreads {
  readonly chosen: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly topology: Topology;
}

/** Throws `flag-conflict`. */
export function checkAffinity({ affinity, kind }: LlamaCommand, plan: PlannedThreads): void {
  for (const setting of affinity) {
    const hint = `leave ${setting.text} out; to use some CPUs only, put numactl -C or taskset in front`;
    if (setting.kind === 'strict') {
      throw conflict(setting, `pins each thread to a CPU, the plan (${plan.chosen}) pins them to nodes`, {
        hint,
      });
    }
    const left = cpusLeftOut(setting, kind, plan);
    if (left === null) throw conflict(setting, 'pins threads to CPUs, and which is not known here', { hint });
    if (left.cpus.length === 0) continue;
    const nodes = `node${left.nodes.length === 1 ? '' : 's'} ${formatCpuList(left.nodes)}`;
    const reason = `leaves out CPUs ${formatCpuList(left.cpus)} of ${nodes}, where the plan (${plan.chosen}) puts threads`;
    throw conflict(setting, reason, { hint });
  }
}

function cpusLeftOut(
  { value, kind: form }: AffinitySetting,
  kind: LlamaCommand['kind'],
  { environment, topology }: PlannedThreads,
): { cpus: number[]; nodes: number[] } | null {
  // llama-bench runs once for each of several masks.
  const sets = (kind === 'bench' ? value.split(',') : [value]).map(
    form === 'mask' ? readHexMask : readCpuRange,
  );
  if (sets.includes(null)) return null;
  const shares = environment[environmentNames.threads];
  const home = new Set(
    shares
      ? shares.split(',').map((share) => Number.parseInt(share, 10))
      : usableNodes(topology).map(({ id }) => id),
  );
  const allowed = new Set(topology.limits.cpus);
  const isLeftOut = (cpu: number): boolean => allowed.has(cpu) && sets.some((set) => !set?.includes(cpu));
  const short = topology.nodes
    .filter(({ id }) => home.has(id))
    .map(({ id, cpus }) => ({ id, cpus: cpus.filter(isLeftOut) }))
    .filter(({ cpus }) => cpus.length > 0);
  return { cpus: short.flatMap(({ cpus }) => cpus), nodes: short.map(({ id }) => id) };
}
