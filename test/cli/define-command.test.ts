// SPDX-License-Identifier: MIT
// Whose words are whose: what comes after `--`, or after the child's name, is not ours to read.
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  defineCommand,
  defineCommandWithChild,
  defineGroup,
  hasChild,
} from '../../src/cli/define-command.js';

describe('a command with a child', () => {
  const cases: [argv: string[], child: string[], verify: boolean][] = [
    [['run', '--', 'tool', '--verify', '--map', 'x'], ['tool', '--verify', '--map', 'x'], false],
    [['run', '--verify', '--', 'tool', '-m', 'model'], ['tool', '-m', 'model'], true],
    [['run', 'tool', '--verify', '--help', '--version'], ['tool', '--verify', '--help', '--version'], false],
    [['run', '--', 'tool', '--', '--x', ''], ['tool', '--', '--x', ''], false],
    [['run', '--', '--odd-name', '-h'], ['--odd-name', '-h'], false],
    [['in', 'run', '--verify', '--', 'tool', '--json'], ['tool', '--json'], true],
  ];
  it.each(cases)('%j starts %j', async (argv, child, verify) => {
    expect(await parse(argv)).toEqual({ child, verify });
  });

  it('is told from others', () => {
    const definition = { name: 'x', summary: 'y', examples: [] };
    expect(hasChild(defineCommandWithChild(definition))).toBe(true);
    expect(hasChild(defineCommand(definition))).toBe(false);
  });
});

async function parse(argv: readonly string[]): Promise<unknown> {
  let seen: unknown;
  const run = () =>
    defineCommandWithChild({ name: 'run', summary: 'runs', examples: [] })
      .option('--verify')
      .action((child: string[], { verify = false }: { verify?: boolean }) => {
        seen = { child, verify };
      });
  const group = defineGroup({ name: 'in', summary: 'in', examples: [] }, [run()]);
  const program = new Command('p').enablePositionalOptions().version('1').addCommand(run()).addCommand(group);
  await program.parseAsync(argv, { from: 'user' });
  return seen;
}
