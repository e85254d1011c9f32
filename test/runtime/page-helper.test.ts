// SPDX-License-Identifier: MIT
// The page helper as it is built, on this machine's own kernel; and helpers that each do one odd thing.
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPageHelper } from '../../src/runtime/page-helper.js';
import { readTopology } from '../../src/topology/read-topology.js';
import { nobody } from '../verify/crafted.js';

const program = fileURLToPath(new URL('../../native/build/numashard-pages', import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'numashard-helper-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function script(name: string, text: string): string {
  const path = file(name, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
  return path;
}

describe('a helper that is not what it should be', () => {
  const ask = (path: string) =>
    createPageHelper(path, 4096).query(process.pid, [{ start: 0, byteLength: 1 }]);

  it.each([
    ['is missing', () => join(folder, 'none'), /cannot be started \(ENOENT\)/],
    ['is a directory', () => folder, /cannot be started \(EACCES\)/],
    ['is not executable', () => file('text', 'text'), /cannot be started \(EACCES\)/],
    ['says nothing', () => script('mute', 'cat > /dev/null'), /answered 0 of 1 questions/],
    ['says too much', () => script('chatty', 'echo; echo'), /answered 2 of 1 questions/],
    ['does not know its words', () => script('usage', 'echo usage >&2; exit 2'), /^usage$/],
  ])('because it %s', async (_what, make, message) => {
    await expect(ask(make())).rejects.toMatchObject({
      code: 'native-missing',
      message: expect.stringMatching(message),
      hint: expect.stringContaining('npm run build'),
      exitCode: 4,
    });
  });

  it.each([
    ['KILL', 'system'],
    ['SYS', 'placement-refused'],
  ])('is killed by SIG%s: %s', async (signal, code) => {
    const killed = script(`killed-${signal}`, `ulimit -c 0; kill -${signal} $$`);
    await expect(ask(killed)).rejects.toMatchObject({
      code,
      message: `the page helper was killed by SIG${signal}`,
      exitCode: 4,
    });
  });

  it('ends a placement without its last line', async () => {
    const helper = createPageHelper(script('placer', 'echo 1; echo read 1'), 4096);
    await expect(helper.placeFile('f', [])).rejects.toMatchObject({ code: 'native-missing' });
  });

  it('is refused by the kernel', async () => {
    const refused = script('refused', 'echo move_pages: EPERM >&2; exit 4');
    await expect(ask(refused)).rejects.toMatchObject({
      code: 'placement-refused',
      exitCode: 4,
      message: 'move_pages: EPERM',
      hint: expect.stringContaining('same user'),
    });
  });

  it('gives codes and figures as it got them', async () => {
    const helper = createPageHelper(script('fixed', 'echo "0 2,-1 1,-2 3,8 1"'), 4096);
    const [runs] = await helper.query(1, [{ start: 5000, byteLength: 1 }]);
    expect(runs?.runs).toEqual([
      { node: 0, pageCount: 2 },
      { node: -1, pageCount: 1 },
      { node: -2, pageCount: 3 },
      { node: 8, pageCount: 1 },
    ]);
  });
});

describe.skipIf(!existsSync(program))('the real helper', async () => {
  const { pageSize, nodes } = await readTopology();
  const helper = createPageHelper(program, pageSize);
  const ids = nodes.map(({ id }) => id);

  /** A mapping of this process that has been written to: its own heap. */
  function heap(): { start: number; byteLength: number } {
    const line = readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .find((text) => text.endsWith('[heap]'));
    const [from = 0, to = 0] =
      (line ?? '')
        .split(' ')[0]
        ?.split('-')
        .map((word) => Number.parseInt(word, 16)) ?? [];
    return { start: from, byteLength: to - from };
  }

  it('tells where the memory of a process is', async () => {
    const stretch = heap();
    const [inside, nothing, outside] = await helper.query(process.pid, [
      stretch,
      { start: 4096, byteLength: 0 },
      { start: pageSize, byteLength: 2 * pageSize },
    ]);
    expect(inside?.pageCount).toBe(stretch.byteLength / pageSize);
    expect(inside?.runs.some(({ node }) => ids.includes(node))).toBe(true);
    expect(nothing?.runs).toEqual([]);
    expect(outside?.runs).toEqual([{ node: -1, pageCount: 2 }]);
  });

  it('says when a process is gone', async () => {
    await expect(helper.query(nobody, [{ start: 4096, byteLength: 1 }])).rejects.toMatchObject({
      code: 'process-gone',
      exitCode: 3,
      hint: expect.stringContaining('process id'),
    });
  });

  it('places a file and tells where it is', async () => {
    const pages = 40;
    const path = file('model', new Uint8Array(pages * pageSize - 100).fill(7));
    const before = readFileSync(path);
    const [node = 0] = ids;
    const done: number[] = [];
    const stretches = [
      { start: 0, byteLength: 10 * pageSize, node },
      { start: 10 * pageSize, byteLength: 30 * pageSize, node },
    ];
    const placed = await helper.placeFile(path, stretches, (byteLength) => done.push(byteLength));
    expect(placed.misplacedPages).toBe(0);
    expect(placed.readPages).toBeLessThanOrEqual(pages);
    expect(done.at(-1)).toBe(pages * pageSize);
    const [runs] = await helper.queryFile(path, [{ start: 0, byteLength: pages * pageSize }]);
    expect(runs?.runs).toEqual([{ node, pageCount: pages }]);
    expect(readFileSync(path).equals(before)).toBe(true);
    const [past] = await helper.queryFile(path, [{ start: 100 * pageSize, byteLength: pageSize }]);
    expect(past?.runs).toEqual([]);
  });

  it('reads a file that is not in the cache', async () => {
    const path = file('cold', new Uint8Array(16 * pageSize).fill(7));
    execFileSync('sync', [path]);
    execFileSync('dd', [`if=${path}`, 'of=/dev/null', 'iflag=nocache', 'count=0'], { stdio: 'ignore' });
    const whole = { start: 0, byteLength: 16 * pageSize };
    const [cold] = await helper.queryFile(path, [whole]);
    const absent = (cold?.runs ?? []).reduce(
      (sum, { node, pageCount }) => sum + (node === -1 ? pageCount : 0),
      0,
    );
    const placed = await helper.placeFile(path, [{ ...whole, node: ids[0] ?? 0 }]);
    expect(placed).toMatchObject({ readPages: absent, misplacedPages: 0 });
  });

  it.each([
    ['a missing file', () => join(folder, 'none')],
    ['a directory', () => folder],
    ['an empty file', () => file('empty', '')],
    [
      'a FIFO',
      () => {
        execFileSync('mkfifo', [join(folder, 'fifo')]);
        return join(folder, 'fifo');
      },
    ],
  ])('refuses %s', async (_what, make) => {
    const path = make();
    for (const ask of [
      () => helper.queryFile(path, [{ start: 0, byteLength: 1 }]),
      () => helper.placeFile(path, [{ start: 0, byteLength: 1, node: 0 }]),
    ]) {
      await expect(ask()).rejects.toMatchObject({
        code: 'file-unreadable',
        exitCode: 3,
        message: expect.stringContaining(path),
        hint: expect.any(String),
      });
    }
  });
});
