// SPDX-License-Identifier: MIT
// Machines of every shape are what their files say: nodes without memory, of memory only, more of them than ggml counts.
// Those with POWER8: main-job/power8.lab.ts.
import { describe, it } from 'vitest';
import { bootWithModels, isThorough } from './main-job/guest.js';
import { expectShape } from './shape.js';

const machines = ['x86-uneven', ...(isThorough ? ['x86-1n', 'x86-2s', 'x86-8n', 'x86-10n'] : [])];

describe('numashard topology', () => {
  it.each(machines)('on %s', async (name) => {
    const machine = await bootWithModels([], [], name);
    try {
      await expectShape(machine);
    } finally {
      await machine.stop();
    }
  });
});
