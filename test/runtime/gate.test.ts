// SPDX-License-Identifier: MIT
import { existsSync, readdirSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openGate } from '../../src/runtime/gate.js';

/** As native/preload/gate.c: says its pid, and waits until something comes back or the other side is gone. */
function visitor(path: string, text: string): { socket: Socket; released: Promise<string> } {
  const socket = connect(path);
  const released = new Promise<string>((resolve) => {
    socket.once('data', (data) => resolve(data.toString()));
    socket.once('close', () => resolve('closed'));
    socket.on('error', () => {});
  });
  if (text !== '') socket.write(text);
  return { socket, released };
}

afterEach(() => vi.unstubAllEnvs());

describe('openGate', () => {
  it.each(['', 'pid\n', '-1\n', '0\n', '12', '99999999999\n'])('turns away who says %o', async (text) => {
    const visit = vi.fn(async () => {});
    const gate = await openGate(visit);
    const { released } = visitor(gate.path, text);
    if (text === '') await vi.waitFor(() => new Promise((resolve) => setTimeout(resolve, 20)));
    else expect(await released).toBe('closed');
    await gate.close();
    expect(await released).toBe('closed');
    expect(visit).not.toHaveBeenCalled();
  });

  it('lets several wait, each until it has been looked at', async () => {
    const looks = new Map<number, () => void>();
    const gate = await openGate((pid) => new Promise((resolve) => looks.set(pid, resolve)));
    const [first, second] = [visitor(gate.path, '11\n'), visitor(gate.path, '22\n')];
    await vi.waitFor(() => expect(looks.size).toBe(2));
    looks.get(22)?.();
    expect(await second.released).toBe('\n');
    const early = await Promise.race([
      first.released,
      new Promise((resolve) => setTimeout(resolve, 30, 'waits')),
    ]);
    expect(early).toBe('waits');
    looks.get(11)?.();
    expect(await first.released).toBe('\n');
    await gate.close();
  });

  it('lets a process go on when the look at it failed', async () => {
    const gate = await openGate(async () => {
      throw new Error('unreadable');
    });
    expect(await visitor(gate.path, '5\n').released).toBe('\n');
    await gate.close();
  });

  it('waits with closing for who is being looked at', async () => {
    let look = (): void => {};
    const gate = await openGate(() => new Promise((resolve) => (look = resolve)));
    const { released } = visitor(gate.path, '5\n');
    await vi.waitFor(() => expect(look.name).not.toBe('look'));
    const order: string[] = [];
    const closed = gate.close().then(() => order.push('closed'));
    setTimeout(() => {
      order.push('looked');
      look();
    }, 30);
    await closed;
    expect(order).toEqual(['looked', 'closed']);
    expect(await released).toBe('\n');
  });

  it('is only the user’s, and leaves nothing behind', async () => {
    const gate = await openGate(async () => {});
    const directory = dirname(gate.path);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(readdirSync(directory)).toEqual(['gate']);
    await gate.close();
    expect(existsSync(directory)).toBe(false);
  });

  it('says when the path is longer than a socket may have', async () => {
    vi.stubEnv('TMPDIR', `${tmpdir()}/${'x'.repeat(100)}`);
    await expect(openGate(async () => {})).rejects.toMatchObject({
      code: 'system',
      message: expect.stringContaining('the limit is 107'),
      hint: 'set TMPDIR to a shorter path',
    });
  });
});
