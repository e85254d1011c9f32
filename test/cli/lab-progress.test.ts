// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import type { CommandContext } from '../../src/cli/context.js';
import { labProgress } from '../../src/cli/lab-progress.js';

function progressOn(isTerminal: boolean) {
  let text = '';
  const context = {
    stderr: (more: string) => {
      text += more;
    },
    isTerminal: { stderr: isTerminal },
  } as unknown as CommandContext;
  const progress = labProgress(context);
  return { ...progress, said: () => text };
}

it('shows what the lab is at on a terminal only, and a warning everywhere, on lines of its own', () => {
  const warning = { step: 'warning', message: 'no such part', hint: 'make it' } as const;
  const piped = progressOn(false);
  piped.show({ step: 'boot', machine: 'x86-4n' });
  piped.show(warning);
  piped.clear();
  expect(piped.said()).toBe('warning: no such part\nhint: make it\n');

  const erase = '\r\u001b[K';
  const shown = progressOn(true);
  shown.show({ step: 'boot', machine: 'x86-4n' });
  shown.show(warning);
  shown.clear();
  expect(shown.said()).toBe(`${erase}booting x86-4n${erase}warning: no such part\nhint: make it\n`);
});
