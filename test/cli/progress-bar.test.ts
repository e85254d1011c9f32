// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { CommandContext } from '../../src/cli/context.js';
import { createProgressBar } from '../../src/cli/progress-bar.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

function open(isTerminal: boolean) {
  let text = '';
  const context = {
    isTerminal: { stdout: false, stderr: isTerminal },
    stderr: (more: string) => {
      text += more;
    },
  } as CommandContext;
  return { bar: createProgressBar(context, 'placing'), said: () => text };
}

describe('createProgressBar', () => {
  it('says nothing without a terminal, nor in the first two seconds', () => {
    for (const isTerminal of [true, false]) {
      const { bar, said } = open(isTerminal);
      vi.advanceTimersByTime(isTerminal ? 1999 : 5000);
      bar.update(1, 2);
      bar.end();
      expect(said()).toBe('');
    }
  });

  it('shows how much is done, never more than all, and wipes itself away', () => {
    const { bar, said } = open(true);
    vi.advanceTimersByTime(2001);
    bar.update(2 ** 19, 2 ** 20);
    expect(said()).toBe(`\rplacing ${'█'.repeat(15)}${'░'.repeat(15)} 512 KiB of 1.00 MiB `);
    bar.update(2 ** 21, 2 ** 20);
    const longest = Math.max(
      ...said()
        .split('\r')
        .map((line) => line.length),
    );
    expect(said()).toContain('█'.repeat(30));
    expect(said()).not.toContain('█'.repeat(31));
    bar.update(1, 0);
    bar.end();
    const wiped = said().split('\r').at(-2) ?? '';
    expect(wiped.trim()).toBe('');
    expect(wiped.length).toBeGreaterThanOrEqual(longest);
  });
});
