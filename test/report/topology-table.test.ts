// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { formatBytes } from '../../src/report/text-table.js';
import { renderTopology } from '../../src/report/topology-table.js';
import { readTopology } from '../../src/topology/read-topology.js';
import { fixtureFiles, textRoot } from '../topology/text-root.js';

async function rendered(name: string, more: Record<string, string> = {}): Promise<string> {
  const root = textRoot({ ...fixtureFiles(name), ...more });
  return renderTopology(await readTopology(root, { pageSize: 65536 }));
}

describe('renderTopology', () => {
  it('shows nodes with gaps, memory and distances by id', async () => {
    expect(await rendered('power8-gaps')).toBe(
      [
        '4 nodes, 8 cores, 16 CPUs, pages of 64.0 KiB',
        'node  CPUs         cores   memory     free  →0  →1  →16  →17',
        '   0  0-1,8-9          2  128 GiB  125 GiB  10  20   40   40',
        '   1  16-17,24-25      2  128 GiB  125 GiB  20  10   40   40',
        '  16  32-33,40-41      2  128 GiB  125 GiB  40  40   10   20',
        '  17  48-49,56-57      2  128 GiB  125 GiB  40  40   20   10',
        'warning: CPUs 2-7,10-15,18-23,26-31,34-39,42-47,50-55,58-63 are offline [offline-cpus]',
        'warning: 4 file(s) end in NUL bytes, sys/devices/system/node/node0/cpumap first; the text before them counts [nul-bytes]',
        'warning: no node/online: node ids are taken from the nodeN directories [no-node-online]',
        'warning: node ids 0-1,16-17 have gaps; ggml itself counts nodes only up to the first gap [node-id-gaps]',
        'warning: nodes 0-1,16-17 have no cpulist: their CPUs come from cpumap or links [cpulist-missing]',
      ].join('\n'),
    );
  });

  it('shows huge pages and what the process is limited to', async () => {
    const status = 'Cpus_allowed_list:\t0-3\nMems_allowed_list:\t0\n';
    const text = await rendered('four-nodes', { 'proc/self/status': status });
    expect(text).toContain('node 3: 512 huge pages of 2.00 MiB, 500 free');
    expect(text).toContain(
      'this process may run on CPUs 0-3 only\nthis process may use the memory of nodes 0 only',
    );
    expect(await rendered('four-nodes')).not.toContain('only');
  });

  it('shows unknown figures as unknown and no CPUs as none', async () => {
    expect(await rendered('mixed')).toContain('   2  –         0  16.0 GiB  16.0 GiB  17  28  10');
  });
});

describe('formatBytes', () => {
  it.each([
    [null, '–'],
    [0, '0 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [65536, '64.0 KiB'],
    [2 ** 20 - 1, '1.00 MiB'],
    [113 * 2 ** 20, '113 MiB'],
    [1.5 * 2 ** 40, '1.50 TiB'],
  ])('%s is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
