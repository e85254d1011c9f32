// SPDX-License-Identifier: MIT
// The text of `numashard topology`: one line per node, then limits and warnings where there are any.
import { formatCpuList } from '../topology/cpu-list.js';
import type { Topology, TopologyNode } from '../topology/types.js';
import { type Column, count, formatBytes, renderTable } from './text-table.js';

export function renderTopology(topology: Topology): string {
  const { nodes, cores } = topology;
  const cpuCount = new Set(nodes.flatMap((node) => node.cpus)).size;
  const columns: Column[] = [
    { title: 'node', align: 'right' },
    { title: 'CPUs', align: 'left' },
    { title: 'cores', align: 'right' },
    { title: 'memory', align: 'right' },
    { title: 'free', align: 'right' },
    ...nodes.map(({ id }): Column => ({ title: `→${id}`, align: 'right' })),
  ];
  const rows = nodes.map((node) => [
    `${node.id}`,
    formatCpuList(node.cpus) || '–',
    `${cores.filter((core) => core.node === node.id).length}`,
    formatBytes(node.memoryBytes),
    formatBytes(node.freeBytes),
    ...nodes.map(({ id }) => `${node.distances[id] ?? '–'}`),
  ]);
  return [
    `${count(nodes.length, 'node')}, ${count(cores.length, 'core')}, ${count(cpuCount, 'CPU')}, pages of ${formatBytes(topology.pageSize)}`,
    renderTable(columns, rows),
    ...hugePageLines(nodes),
    ...limitLines(topology, cpuCount),
    ...topology.warnings.map(({ code, message }) => `warning: ${message} [${code}]`),
  ].join('\n');
}

function hugePageLines(nodes: readonly TopologyNode[]): string[] {
  return nodes.flatMap((node) =>
    Object.entries(node.hugePages)
      .filter(([, pool]) => pool.total > 0)
      .map(([byteLength, { total, free }]) => {
        return `node ${node.id}: ${total} huge pages of ${formatBytes(Number(byteLength))}, ${free} free`;
      }),
  );
}

function limitLines({ limits, nodes }: Topology, cpuCount: number): string[] {
  const lines: string[] = [];
  if (limits.cpus.length < cpuCount)
    lines.push(`this process may run on CPUs ${formatCpuList(limits.cpus)} only`);
  if (limits.nodes.length < nodes.length) {
    lines.push(`this process may use the memory of nodes ${formatCpuList(limits.nodes)} only`);
  }
  return lines;
}
