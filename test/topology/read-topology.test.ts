// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { topologyDocument } from '../../src/topology/document.js';
import { directoryRoot } from '../../src/topology/file-root.js';
import { readTopology } from '../../src/topology/read-topology.js';
import type { Topology } from '../../src/topology/types.js';
import { fixtureFiles, textRoot } from './text-root.js';

const GiB = 2 ** 30;

function codes(topology: Topology): string[] {
  return topology.warnings.map((warning) => warning.code);
}

describe('what cannot be a machine', () => {
  it('is refused when there are no CPUs', async () => {
    await expect(readTopology(textRoot({}))).rejects.toMatchObject({
      code: 'topology-unreadable',
      exitCode: 3,
    });
  });

  it.each([
    ['sys/devices/system/node/online', '0-9999999'],
    ['sys/devices/system/node/node1/cpulist', '0-x'],
    ['sys/devices/system/node/node2/cpumap', 'zz'],
    ['sys/devices/system/cpu/online', '7-1'],
    ['proc/self/status', 'Cpus_allowed_list:\t0-\n'],
  ])('%s with %s is refused, naming the file', async (path, text) => {
    const reading = readTopology(textRoot({ ...fixtureFiles('four-nodes'), [path]: text }));
    await expect(reading).rejects.toThrow(path);
    await expect(reading).rejects.toMatchObject({ code: 'topology-unreadable' });
  });

  it('says so where distances do not fit the nodes', async () => {
    const node = 'sys/devices/system/node/node1';
    const files = { ...fixtureFiles('four-nodes'), [`${node}/distance`]: '10 20' };
    const topology = await readTopology(textRoot(files));
    expect(topology.nodes[1]?.distances).toEqual({});
    expect(codes(topology)).toContain('distances-mismatch');
    const garbled = await readTopology(textRoot({ ...files, [`${node}/distance`]: '10 -1 x' }));
    expect(codes(garbled)).toContain('distances-missing');
  });

  it('leaves out an online node without directory', async () => {
    const files = { ...fixtureFiles('four-nodes'), 'sys/devices/system/node/online': '0-4' };
    const topology = await readTopology(textRoot(files));
    expect(topology.nodes.map((node) => node.id)).toEqual([0, 1, 2, 3]);
    expect(codes(topology)).toEqual(expect.arrayContaining(['node-directory-missing', 'distances-mismatch']));
  });
});

describe('four nodes with two threads a core', async () => {
  const topology = await readTopology(textRoot(fixtureFiles('four-nodes')));

  it('has its nodes, cores and sockets', () => {
    expect(topology.source).toBe('sysfs');
    expect(topology.nodes[1]).toEqual({
      id: 1,
      cpus: [4, 5, 6, 7, 20, 21, 22, 23],
      offlineCpus: [],
      memoryBytes: 32 * GiB,
      freeBytes: 24 * GiB,
      reclaimableBytes: 3.5 * GiB,
      hugePages: { '2097152': { total: 512, free: 500 } },
      distances: { '0': 16, '1': 10, '2': 32, '3': 32 },
      access: null,
    });
    expect(topology.cores).toHaveLength(16);
    expect(topology.cores[9]).toEqual({ cpus: [9, 25], node: 2, socket: 1 });
    expect(codes(topology)).toEqual(['page-size-inferred']);
  });

  it('limits to what the process may use', async () => {
    const status = 'Cpus_allowed_list:\t0-3,40\nMems_allowed_list:\t0,2,7\n';
    const limited = await readTopology(
      textRoot({ ...fixtureFiles('four-nodes'), 'proc/self/status': status }),
    );
    expect(limited.limits).toEqual({ cpus: [0, 1, 2, 3], nodes: [0, 2] });
    expect(topology.limits).toEqual({
      cpus: Array.from({ length: 32 }, (_, cpu) => cpu),
      nodes: [0, 1, 2, 3],
    });
  });

  it('is one JSON document', () => {
    expect(JSON.parse(JSON.stringify(topologyDocument(topology)))).toEqual({
      schema: 'numashard/topology/1',
      ...topology,
    });
  });
});

describe('POWER8 with gaps in node ids, cpumap only, SMT2 of 8', async () => {
  const topology = await readTopology(textRoot(fixtureFiles('power8-gaps')));

  it('keeps ids, maps distance columns to them, and leaves offline CPUs out', () => {
    expect(topology.nodes.map((node) => node.id)).toEqual([0, 1, 16, 17]);
    expect(topology.nodes[2]?.distances).toEqual({ '0': 40, '1': 40, '16': 10, '17': 20 });
    expect(topology.nodes[1]?.cpus).toEqual([16, 17, 24, 25]);
    expect(topology.nodes[1]?.offlineCpus).toEqual([18, 19, 20, 21, 22, 23, 26, 27, 28, 29, 30, 31]);
    expect(topology.cores.filter((core) => core.node === 17)).toEqual([
      { cpus: [48, 49], node: 17, socket: 1 },
      { cpus: [56, 57], node: 17, socket: 1 },
    ]);
    expect(topology.pageSize).toBe(65536);
  });

  it('names what is odd', () => {
    expect(codes(topology)).toEqual([
      'offline-cpus',
      'nul-bytes',
      'no-node-online',
      'node-id-gaps',
      'cpulist-missing',
      'page-size-inferred',
    ]);
  });
});

describe('memory without CPUs and CPUs without memory', async () => {
  const topology = await readTopology(textRoot(fixtureFiles('mixed')), { pageSize: 4096 });

  it('keeps both and names them', () => {
    expect(topology.nodes.map(({ cpus, memoryBytes }) => [cpus, memoryBytes])).toEqual([
      [[0, 1], 8 * GiB],
      [[2], 0],
      [[], 16 * GiB],
    ]);
    expect(topology.nodes[1]?.offlineCpus).toEqual([3]);
    expect(codes(topology)).toEqual([
      'offline-cpus',
      'has-cpu-differs',
      'cpulist-cpumap-differ',
      'cpu-without-node',
      'memory-only-node',
      'memoryless-node',
      'hmat-zeros',
    ]);
  });

  it('takes HMAT zeros as unknown', () => {
    expect(topology.nodes[2]?.access).toEqual({
      initiators: [0],
      readBandwidthMBps: 20000,
      writeBandwidthMBps: null,
      readLatencyNs: 150,
      writeLatencyNs: null,
    });
  });

  it('groups CPUs into cores by core id where siblings are not listed', () => {
    expect(topology.cores.map((core) => core.cpus)).toEqual([[0, 1], [2], [4]]);
    expect(topology.cores[0]?.socket).toBeNull();
  });
});

describe('a kernel without nodes', async () => {
  const topology = await readTopology(textRoot(fixtureFiles('no-nodes')), { pageSize: 4096 });

  it('is one node 0 with every online CPU', () => {
    expect(topology.source).toBe('none');
    expect(topology.nodes).toEqual([
      {
        id: 0,
        cpus: [0, 1, 2],
        offlineCpus: [3],
        memoryBytes: 8 * GiB,
        freeBytes: 2 * GiB,
        reclaimableBytes: (4194304 - 131072 + 65536) * 1024,
        hugePages: {},
        distances: { '0': 10 },
        access: null,
      },
    ]);
    expect(codes(topology)).toEqual(['no-node-directory', 'core-unknown', 'offline-cpus']);
    expect(topology.limits.nodes).toEqual([0]);
  });
});

describe.skipIf(process.platform !== 'linux')('the machine the tests run on', () => {
  it('has memory, CPUs that this process may use, and a page size from its kernel', async () => {
    const topology = await readTopology(directoryRoot());
    expect(topology.limits.cpus.length).toBeGreaterThan(0);
    expect(topology.nodes.some((node) => (node.memoryBytes ?? 0) > 0)).toBe(true);
    expect(codes(topology)).not.toContain('page-size-assumed');
    expect(codes(topology)).not.toContain('page-size-inferred');
  });
});
