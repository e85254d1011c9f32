// SPDX-License-Identifier: MIT
// What is odd about a machine's description: one warning per kind, naming the nodes, CPUs or files concerned.
import { formatCpuList } from './cpu-list.js';
import type { MachineFiles } from './read-machine.js';
import { listedCpus, type NodeFiles } from './read-node.js';
import type { TopologyNode, TopologyWarning, TopologyWarningCode } from './types.js';

/** `nodes` is what was made of `machine`. */
export function findOddities(machine: MachineFiles, nodes: readonly TopologyNode[]): TopologyWarning[] {
  const warnings: TopologyWarning[] = [];
  const warn = (
    code: TopologyWarningCode,
    found: Iterable<number>,
    message: (list: string) => string,
  ): void => {
    const list = formatCpuList(found);
    if (list !== '') warnings.push({ code, message: message(list) });
  };
  const { online, offline } = machine.cpus;
  warn(
    'core-unknown',
    machine.cores.unknown,
    (list) => `CPUs ${list}: core unknown, each counts as one core`,
  );
  warn(
    'offline-cpus',
    [...offline, ...nodes.flatMap((node) => node.offlineCpus)],
    (list) => `CPUs ${list} are offline`,
  );
  if (machine.filesWithNul.size > 0) {
    const [first] = [...machine.filesWithNul].sort();
    const message = `${machine.filesWithNul.size} file(s) end in NUL bytes, ${first} first; the text before them counts`;
    warnings.push({ code: 'nul-bytes', message });
  }
  if (machine.nodes.length === 0) {
    const message = 'the kernel shows no NUMA node: node 0 with every online CPU stands in';
    return [{ code: 'no-node-directory', message }, ...warnings];
  }

  const ids = nodes.map((node) => node.id);
  const nodesWhere = (test: (node: NodeFiles) => boolean) =>
    machine.nodes.filter(test).map((node) => node.id);
  if (machine.onlineNodes === null) {
    const message = 'no node/online: node ids are taken from the nodeN directories';
    warnings.push({ code: 'no-node-online', message });
  }
  warn(
    'node-directory-missing',
    machine.nodeIds.filter((id) => !ids.includes(id)),
    (list) => `nodes ${list} are online without a directory and are left out`,
  );
  warn(
    'node-id-gaps',
    ids.filter((id, position) => id !== position),
    () => `node ids ${formatCpuList(ids)} have gaps; ggml itself counts nodes only up to the first gap`,
  );
  const withCpus = machine.nodes.filter((node) => listedCpus(node).length > 0).map((node) => node.id);
  if (machine.hasCpu !== null && formatCpuList(machine.hasCpu) !== formatCpuList(withCpus)) {
    const message = `node/has_cpu says "${formatCpuList(machine.hasCpu)}", the node files "${formatCpuList(withCpus)}"`;
    warnings.push({ code: 'has-cpu-differs', message });
  }

  warn(
    'cpulist-missing',
    nodesWhere((node) => node.cpuList === null),
    (list) => `nodes ${list} have no cpulist: their CPUs come from cpumap or links`,
  );
  warn(
    'cpulist-cpumap-differ',
    nodesWhere(({ cpuList, cpuMask }) => cpuList !== null && cpuMask !== null && !sameIds(cpuList, cpuMask)),
    (list) => `nodes ${list}: cpulist and cpumap name different CPUs; cpulist counts`,
  );
  warn(
    'cpu-links-differ',
    machine.nodes
      .filter((node) => node.cpuLinks.length > 0 && !linksAgree(node, offline))
      .map((node) => node.id),
    (list) => `nodes ${list}: the cpuN links name other CPUs than the list; cores go by the links`,
  );
  warn(
    'cpu-in-two-nodes',
    repeated(nodes.flatMap((node) => node.cpus)),
    (list) => `CPUs ${list} are in several nodes`,
  );
  const placed = new Set(nodes.flatMap((node) => node.cpus));
  warn(
    'cpu-without-node',
    online.filter((cpu) => !placed.has(cpu)),
    (list) => `CPUs ${list} are online and in no node`,
  );

  warn(
    'memory-only-node',
    nodes.filter((node) => node.cpus.length === 0 && node.memoryBytes !== 0).map((node) => node.id),
    (list) => `nodes ${list} have memory and no online CPU`,
  );
  warn(
    'memoryless-node',
    nodes.filter((node) => node.memoryBytes === 0).map((node) => node.id),
    (list) => `nodes ${list} have no memory`,
  );
  warn(
    'meminfo-missing',
    nodes.filter((node) => node.memoryBytes === null).map((node) => node.id),
    (list) => `nodes ${list}: size of memory unknown (no meminfo)`,
  );
  warn(
    'distances-missing',
    nodesWhere((node) => node.distances === null),
    (list) => `nodes ${list}: distances unknown`,
  );
  const columns = machine.nodeIds.length;
  warn(
    'distances-mismatch',
    nodesWhere((node) => node.distances !== null && node.distances.length !== columns),
    (list) =>
      `nodes ${list}: the distance file does not have ${columns} columns, one per online node; it is ignored`,
  );
  if (nodes.length > 1 && isFlat(nodes)) {
    const message =
      'every node is said to be as near as every other: the firmware tells nothing about distance';
    warnings.push({ code: 'distances-flat', message });
  }
  warn(
    'hmat-zeros',
    nodes
      .filter((node) => node.access !== null && Object.values(node.access).includes(null))
      .map((node) => node.id),
    (list) => `nodes ${list}: some bandwidths or latencies are 0 or absent, which means unknown`,
  );
  return warnings;
}

/** The kernel drops the link of a CPU that goes offline. */
function linksAgree(node: NodeFiles, offline: readonly number[]): boolean {
  const off = new Set(offline);
  const isOn = (cpu: number): boolean => !off.has(cpu);
  return sameIds(node.cpuLinks.filter(isOn), listedCpus(node).filter(isOn));
}

function sameIds(left: readonly number[], right: readonly number[]): boolean {
  return formatCpuList(left) === formatCpuList(right);
}

function repeated(ids: readonly number[]): number[] {
  const seen = new Set<number>();
  return ids.filter((id) => seen.has(id) || !seen.add(id));
}

function isFlat(nodes: readonly TopologyNode[]): boolean {
  const distances = nodes.flatMap((node) => Object.values(node.distances));
  return distances.length > 0 && distances.every((distance) => distance === distances[0]);
}
