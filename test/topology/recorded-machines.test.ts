// SPDX-License-Identifier: MIT
// Thirteen recorded machines against what an independent reader found in them.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { openMachine } from '../../src/cli/open-machine.js';
import { formatCpuList } from '../../src/topology/cpu-list.js';
import { directoryRoot } from '../../src/topology/file-root.js';
import { readTopology } from '../../src/topology/read-topology.js';
import type { Topology, TopologyWarningCode } from '../../src/topology/types.js';

const recordings = fileURLToPath(new URL('../../../shared/topologies', import.meta.url));
const present = existsSync(recordings);
if (!present) console.warn(`skipped: no recorded machines in ${recordings}`);

type HmatFigures = Record<'read_bandwidth' | 'write_bandwidth' | 'read_latency' | 'write_latency', number>;

interface ExpectedNode {
  id: number;
  cpus_online: string;
  mem_total_kb: number | null;
  mem_free_kb?: number;
  distance: number[] | null;
  hugepages?: Record<string, { nr_hugepages: number; free_hugepages: number }>;
  access?: Partial<Record<'access0' | 'access1', { initiators: number[]; initiators_attrs: HmatFigures }>>;
}

interface Expected {
  flags: string[];
  expected: {
    node_ids: number[];
    online_cpus: string;
    offline_cpus: string;
    nodes: ExpectedNode[];
    topology_summary: { cpus_with_topology: number; packages: number; cores: number };
    page_size: number;
  };
}

/** The warnings that a flag of the expectation must lead to; the other flags are no oddities. */
const codeOfFlag: Record<string, TopologyWarningCode> = {
  'nul-bytes': 'nul-bytes',
  'offline-cpus': 'offline-cpus',
  'no-nodes': 'no-node-directory',
  'no-node/online': 'no-node-online',
  'no-cpulist': 'cpulist-missing',
  'no-node-meminfo': 'meminfo-missing',
  'no-distances': 'distances-missing',
  noncontiguous: 'node-id-gaps',
  'memory-only': 'memory-only-node',
  'has_cpu-empty': 'has-cpu-differs',
};

/** Contradictions that the expectations describe in prose ("anomalies"). */
const contradictions: Record<string, TopologyWarningCode[]> = {
  '16amd64-8n2c-cpusets': ['cpulist-cpumap-differ', 'offline-cpus'],
  '48amd64-4pa2n6c-sparse': ['has-cpu-differs'],
  '8em64t-2s2ca2c-buggynuma': ['cpu-links-differ', 'cpu-in-two-nodes', 'distances-flat'],
  memorysidecaches: ['hmat-zeros'],
  'nvidiagpunumanodes@2019-04-12': ['core-unknown'],
};

describe.skipIf(!present)('recorded machines', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'numashard-topologies-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));
  const names = present
    ? readdirSync(recordings)
        .filter((file) => file.endsWith('.tar.gz'))
        .map((file) => file.slice(0, -'.tar.gz'.length))
    : [];

  it('are thirteen', () => {
    expect(names).toHaveLength(13);
  });

  it.each(names)('%s', async (name) => {
    const archive = join(recordings, `${name}.tar.gz`);
    execFileSync('tar', ['-xzf', archive, '-C', scratch, `--one-top-level=${name}`]);
    const topology = await readTopology(directoryRoot(join(scratch, name)));
    expect(await openMachine(archive)).toEqual(await openMachine(join(scratch, name)));
    const { flags, expected } = JSON.parse(
      readFileSync(join(recordings, 'expected', `${name}.json`), 'utf8'),
    ) as Expected;

    if (expected.node_ids.length === 0) {
      expect(topology.source).toBe('none');
      expect(topology.nodes.map((node) => node.id)).toEqual([0]);
    } else {
      expect(topology.source).toBe('sysfs');
      expect(topology.nodes.map((node) => node.id)).toEqual(expected.node_ids);
      for (const node of expected.nodes) expectNode(topology, node, expected.node_ids);
    }
    expect(formatCpuList(topology.limits.cpus)).toBe(expected.online_cpus);
    if (!codes(topology).includes('page-size-assumed')) expect(topology.pageSize).toBe(expected.page_size);

    const summary = expected.topology_summary;
    const unknownCores =
      topology.limits.cpus.length - Math.min(summary.cpus_with_topology, topology.limits.cpus.length);
    expect(topology.cores).toHaveLength(summary.cores + unknownCores);
    const sockets = new Set(topology.cores.flatMap((core) => core.socket ?? []));
    // The s390x kernel answers -1, which means unknown.
    expect(sockets.size).toBe(name === '20s390-2g6s4c' ? 0 : summary.packages);

    for (const flag of flags) {
      const code = codeOfFlag[flag];
      // The one file of that machine with NULs, has_normal_memory, is not read.
      if (code === 'nul-bytes' && name === '48amd64-4pa2n6c-sparse') continue;
      if (code !== undefined) expect(codes(topology), flag).toContain(code);
    }
    expect(codes(topology)).toEqual(expect.arrayContaining(contradictions[name] ?? []));
  });

  it('where firmware puts every CPU in every node, cores go by the links', async () => {
    const topology = await readTopology(directoryRoot(join(scratch, '8em64t-2s2ca2c-buggynuma')));
    expect(topology.cores.map((core) => core.node)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

function codes(topology: Topology): string[] {
  return topology.warnings.map((warning) => warning.code);
}

function expectNode(topology: Topology, expected: ExpectedNode, ids: readonly number[]): void {
  const node = topology.nodes.find((candidate) => candidate.id === expected.id);
  expect(formatCpuList(node?.cpus ?? [])).toBe(expected.cpus_online);
  expect(node?.memoryBytes).toBe(expected.mem_total_kb === null ? null : expected.mem_total_kb * 1024);
  if (expected.mem_free_kb !== undefined) expect(node?.freeBytes).toBe(expected.mem_free_kb * 1024);
  expect(node?.distances).toEqual(
    Object.fromEntries((expected.distance ?? []).map((distance, column) => [String(ids[column]), distance])),
  );
  const pools = Object.entries(expected.hugepages ?? {}).map(([kibibytes, pool]) => [
    String(Number(kibibytes) * 1024),
    { total: pool.nr_hugepages, free: pool.free_hugepages },
  ]);
  if (expected.hugepages !== undefined) expect(node?.hugePages).toEqual(Object.fromEntries(pools));
  const access = expected.access?.access1 ?? expected.access?.access0;
  expect(node?.access ?? undefined).toEqual(
    access && {
      initiators: access.initiators,
      readBandwidthMBps: access.initiators_attrs.read_bandwidth || null,
      writeBandwidthMBps: access.initiators_attrs.write_bandwidth || null,
      readLatencyNs: access.initiators_attrs.read_latency || null,
      writeLatencyNs: access.initiators_attrs.write_latency || null,
    },
  );
}
