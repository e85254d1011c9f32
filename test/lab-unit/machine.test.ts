// SPDX-License-Identifier: MIT
// Machine files are what a user writes by hand: every slip is named with its place, before anything starts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadMachine, machineNames, nodeIds, parseMachine } from '../../src/lab/machine.js';

const machine = {
  name: 'two',
  architecture: 'x86-64',
  kernel: '6.1',
  nodes: [
    { cpus: 2, memoryMebibytes: 512 },
    { cpus: 0, memoryMebibytes: 256 },
  ],
  distances: [
    [10, 20],
    [20, 10],
  ],
};

describe('a machine file that is wrong', () => {
  const cases: [what: string, change: object, message: RegExp][] = [
    ['name', { name: 'a b' }, /name: "a b"/],
    ['name with a slash', { name: '../x' }, /name:/],
    ['no name', { name: undefined }, /name: undefined/],
    ['architecture', { architecture: 'vax' }, /architecture: "vax" is not "x86-64" or "ppc64le"/],
    ['kernel', { kernel: '2.6' }, /kernel: "2\.6" is not "6\.1" or "unstable"/],
    ['no nodes', { nodes: [] }, /nodes: .* 1 to 128/],
    ['too many nodes', { nodes: Array(129).fill(machine.nodes[0]) }, /nodes: .* 1 to 128/],
    ['a node that is a number', { nodes: [3, machine.nodes[1]] }, /nodes\[0\] is not an object/],
    [
      'negative CPUs',
      { nodes: [{ cpus: -1, memoryMebibytes: 1 }, machine.nodes[1]] },
      /nodes\[0\]\.cpus: -1/,
    ],
    [
      'half a CPU',
      { nodes: [machine.nodes[0], { cpus: 0.5, memoryMebibytes: 1 }] },
      /nodes\[1\]\.cpus: 0\.5/,
    ],
    ['no memory', { nodes: [machine.nodes[0], { cpus: 1 }] }, /nodes\[1\]\.memoryMebibytes: undefined/],
    ['memory as text', { nodes: [{ cpus: 1, memoryMebibytes: '1G' }] }, /nodes\[0\]\.memoryMebibytes: 1G/],
    [
      'an empty node',
      { nodes: [machine.nodes[0], { cpus: 0, memoryMebibytes: 0 }] },
      /nodes\[1\]\.memoryMebibytes: 0 is not 1 to/,
    ],
    [
      'memory that POWER cannot have',
      { architecture: 'ppc64le', nodes: [machine.nodes[0], { cpus: 1, memoryMebibytes: 300 }] },
      /nodes\[1\]\.memoryMebibytes: 300 is not a multiple of 256/,
    ],
    [
      'an id that is none',
      { nodes: [{ ...machine.nodes[0], id: 128 }] },
      /nodes\[0\]\.id: 128 is not 0 to 127/,
    ],
    [
      'an id twice',
      { architecture: 'ppc64le', nodes: machine.nodes.map((node) => ({ ...node, id: 1 })) },
      /nodes\[1\]\.id: 1 does not follow 1/,
    ],
    [
      'an id that its place comes after',
      { architecture: 'ppc64le', nodes: [{ ...machine.nodes[0], id: 3 }, machine.nodes[1]] },
      /nodes\[1\]\.id: 1 does not follow 3/,
    ],
    [
      'a gap on x86-64',
      { nodes: [machine.nodes[0], { ...machine.nodes[1], id: 2 }] },
      /nodes\[1\]\.id: 2 is not 1, and x86-64/,
    ],
    ['too much memory', { nodes: [{ cpus: 1, memoryMebibytes: 2 ** 21 }] }, /memoryMebibytes: 2097152/],
    ['no CPU at all', { nodes: [machine.nodes[1], machine.nodes[1]] }, /0 CPUs in all/],
    ['too many CPUs', { nodes: Array(2).fill({ cpus: 200, memoryMebibytes: 1 }) }, /400 CPUs in all/],
    ['missing distances', { distances: undefined }, /distances: must have 2 rows/],
    ['a short row', { distances: [[10, 20], [20]] }, /distances\[1\]: must have 2 numbers/],
    [
      'a far self',
      {
        distances: [
          [10, 20],
          [20, 11],
        ],
      },
      /distances\[1\]\[1\]: 11 is not 10/,
    ],
    [
      'a near other',
      {
        distances: [
          [10, 10],
          [20, 10],
        ],
      },
      /distances\[0\]\[1\]: 10 is not 11 to 254/,
    ],
    [
      'an unreachable node',
      {
        distances: [
          [10, 255],
          [20, 10],
        ],
      },
      /distances\[0\]\[1\]: 255/,
    ],
  ];
  it.each(cases)('%s', (_, change, message) => {
    const text = JSON.stringify({ ...machine, ...change });
    expect(() => parseMachine(text, 'two.json')).toThrow(message);
    expect(() => parseMachine(text, 'two.json')).toThrow(/^machine file two\.json: /);
  });

  it.each(['', '{', 'null', '[]', '7'])('text %j', (text) => {
    expect(() => parseMachine(text, 'two.json')).toThrow(/is not (JSON|an object)/);
  });

  it('a name nobody has is answered with those there are', () => {
    expect(() => loadMachine('x86-5n')).toThrow(
      expect.objectContaining({ code: 'usage', hint: expect.stringContaining('x86-4n') }),
    );
    expect(() => loadMachine('../../package')).toThrow(/unknown machine/);
  });

  it('a file that is not there', () => {
    expect(() => loadMachine('no/such.json')).toThrow(expect.objectContaining({ code: 'file-unreadable' }));
  });
});

describe('a machine file', () => {
  it('may have unequal nodes, nodes of memory only and of CPUs only', () => {
    expect(parseMachine(JSON.stringify(machine), 'two.json')).toEqual(machine);
    const nodes = [machine.nodes[1], { cpus: 1, memoryMebibytes: 0 }];
    expect(parseMachine(JSON.stringify({ ...machine, nodes }), 'two.json').nodes).toEqual(nodes);
  });

  it('may leave out ids on POWER', () => {
    const nodes = [machine.nodes[0], { ...machine.nodes[1], id: 7 }];
    const text = JSON.stringify({ ...machine, architecture: 'ppc64le', nodes });
    expect(nodeIds(parseMachine(text, 'two.json'))).toEqual([0, 7]);
  });

  it('is read from a path that ends in .json', () => {
    const directory = mkdtempSync(join(tmpdir(), 'numashard-machine-'));
    try {
      writeFileSync(join(directory, 'mine.json'), JSON.stringify(machine));
      expect(loadMachine(join(directory, 'mine.json')).name).toBe('two');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('of ours is right, and named after its file', () => {
    expect(machineNames()).toContain('x86-4n');
    for (const name of machineNames()) expect(loadMachine(name).name).toBe(name);
  });
});
