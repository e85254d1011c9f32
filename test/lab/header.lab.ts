// SPDX-License-Identifier: MIT
// The header-only library places on four nodes, of x86-64 and of POWER8 with pages of 64 KiB: under policies, where
// MPOL_BIND alone is refused, and where a container refuses all of them. What it says is held against numa_maps and
// move_pages.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootMachine } from '../../src/lab/boot.js';
import type { LabMachine } from '../../src/lab/lab-machine.js';
import { setting } from './setting.js';

/** What native/test/header-placement.c prints. */
interface Placement {
  readonly method: string;
  readonly pageSize: number;
  readonly misplaced: number;
  readonly unknown: number;
  readonly refused: number;
  readonly nodes: readonly { id: number; asked: number; found: number }[];
  readonly tensors: readonly { name: string; answer: number; numaMaps: readonly number[] }[];
  readonly movePages: readonly number[] | null;
  readonly afterCleanup: number;
}

const map = [
  'attn:node3',
  '3.attn:rows(2,0)',
  'ffn:rows(0,2)',
  'experts:weighted(0=3,2=1)',
  'ssm:cyclic(8,3,1)',
  'embed:interleave(all)',
  'output:weighted(1=1,3=1)',
].join(',');

/** Of 64 pages each; the answer is the node with most, the lowest or the first of several. */
const expected: Record<string, { answers: readonly number[]; pages: readonly number[] }> = {
  'blk.0.attn_q.weight': { answers: [3], pages: [0, 0, 0, 64] },
  'blk.3.attn_q.weight': { answers: [0, 2], pages: [32, 0, 32, 0] },
  'blk.0.ffn_up.weight': { answers: [0, 2], pages: [32, 0, 32, 0] },
  'blk.1.ffn_up_exps.weight': { answers: [0], pages: [48, 0, 16, 0] },
  'blk.1.ssm_in.weight': { answers: [1, 3], pages: [0, 32, 0, 32] },
  'token_embd.weight': { answers: [0, 1, 2, 3], pages: [16, 16, 16, 16] },
  'output.weight': { answers: [1, 3], pages: [0, 32, 0, 32] },
  // No rule: layer mod nodes.
  'blk.2.attn_norm.weight': { answers: [2], pages: [0, 0, 64, 0] },
  'blk.6.vis_x.weight': { answers: [2], pages: [0, 0, 64, 0] },
};

/** Static: the guest's C library is not the compiler's. */
const flags = '-std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Werror -static'.split(' ');
const machines = [
  { name: 'x86-4n', compiler: ['cc'], pageSize: 4096 },
  {
    name: 'power8-s824',
    compiler: ['powerpc64le-linux-gnu-gcc', '-mcpu=power8', '-mvsx'],
    pageSize: 65_536,
  },
];

async function install(machine: LabMachine, [command = '', ...words]: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'numashard-header-'));
  try {
    for (const name of ['header-placement', 'refuse']) {
      const program = join(folder, name);
      const source = join(setting.projectDirectory, 'native', 'test', `${name}.c`);
      execFileSync(command, [...words, ...flags, '-o', program, source], {
        stdio: ['ignore', 'ignore', 'inherit'],
      });
      await machine.writeFile(`/tmp/${name}`, readFileSync(program));
      await machine.execOk(['chmod', '755', `/tmp/${name}`]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function placed(machine: LabMachine, refuse: readonly string[]): Promise<Placement> {
  const wrapper = refuse.length > 0 ? ['/tmp/refuse', ...refuse] : [];
  const { stdout } = await machine.execOk([...wrapper, '/tmp/header-placement', map], { user: 1000 });
  return JSON.parse(stdout.toString());
}

describe.each(machines)(
  'on $name every tensor lies where the map wants it',
  ({ name, compiler, pageSize }) => {
    let machine: LabMachine;
    beforeAll(async () => {
      machine = await bootMachine({ machine: name, ...setting });
      await install(machine, compiler);
    });
    afterAll(() => machine?.stop());

    for (const [what, refuse, method] of [
      ['by MPOL_BIND', [], 'bind'],
      ['by MPOL_PREFERRED, where MPOL_BIND is refused by its mode', ['bind'], 'preferred'],
      [
        'by first touch from pinned threads, where a container refuses every policy',
        ['policy'],
        'first-touch',
      ],
    ] as const) {
      it(what, async () => {
        const found = await placed(machine, refuse);
        expect([found.method, found.pageSize, found.refused]).toEqual([method, pageSize, 0]);
        expect(found.tensors.map(({ name, numaMaps }) => [name, numaMaps])).toEqual(
          Object.entries(expected).map(([name, { pages }]) => [name, pages]),
        );
        for (const { name, answer } of found.tensors) expect(expected[name]?.answers, name).toContain(answer);
        expectStatistics(found, method === 'first-touch');
        expect(found.afterCleanup).toBe(0);
      });
    }

    it('unless the map names a node that is not there: then nothing is placed', async () => {
      const { exitCode, stderr } = await machine.exec(['/tmp/header-placement', 'attn:node3,ffn:node4']);
      expect(exitCode).toBe(1);
      expect(stderr.toString()).toMatch(
        /column 20, rule 'ffn:node4': this machine has no node 4.*\[map-node\]/,
      );
    });
  },
);

/** get_stats against the sum over numa_maps and against move_pages; where that is refused nothing is claimed. */
function expectStatistics(found: Placement, isBlind: boolean): void {
  const inPages = (bytes: number) => bytes / found.pageSize;
  const sums = [0, 1, 2, 3].map((node) =>
    found.tensors.reduce((sum, { numaMaps }) => sum + (numaMaps[node] ?? Number.NaN), 0),
  );
  expect(found.nodes.map(({ id }) => id)).toEqual([0, 1, 2, 3]);
  expect(found.nodes.map(({ asked }) => inPages(asked))).toEqual(sums);
  expect(found.nodes.map((node) => inPages(node.found))).toEqual(isBlind ? [0, 0, 0, 0] : sums);
  expect(found.movePages).toEqual(isBlind ? null : sums);
  expect(inPages(found.unknown)).toBe(isBlind ? 9 * 64 : 0);
  expect(found.misplaced).toBe(0);
}
