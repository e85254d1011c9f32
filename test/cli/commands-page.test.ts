// SPDX-License-Identifier: MIT
// docs/commands.md is what the commands say of themselves.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { commandReference } from '../../scripts/command-reference.mjs';
import { type CommandContext, surroundings } from '../../src/cli/context.js';
import { buildProgram } from '../../src/cli/program.js';

it('docs/commands.md is current: else run npm run docs', async () => {
  const context: CommandContext = {
    stdout: () => {},
    stderr: () => {},
    endWith: () => {},
    env: {},
    isTerminal: { stdout: false, stderr: false },
    ...surroundings({}, false),
  };
  const page = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8');
  expect(page).toBe(commandReference(await buildProgram(context)));
});
