// SPDX-License-Identifier: MIT
// The program: all commands, and what happens to an argument list from parsing to the exit code.
import { Command, CommanderError } from 'commander';
import { inspectCommand } from './commands/inspect.js';
import { labCommand } from './commands/lab.js';
import { mapCommand } from './commands/map.js';
import { placeCommand } from './commands/place.js';
import { planCommand } from './commands/plan.js';
import { runCommand } from './commands/run.js';
import { topologyCommand } from './commands/topology.js';
import { verifyCommand } from './commands/verify.js';
import type { CommandContext } from './context.js';
import { hasChild } from './define-command.js';
import { reportFailure } from './failures.js';
import { versionText } from './version.js';

const commands = [
  topologyCommand,
  inspectCommand,
  planCommand,
  mapCommand,
  runCommand,
  placeCommand,
  verifyCommand,
  labCommand,
];

export function buildProgram(context: CommandContext): Command {
  const program = new Command('numashard')
    .description(
      "puts each page of a GGUF model on the NUMA node of the thread that reads it, and proves it's there",
    )
    .version(versionText(context), '--version', 'print the versions of all parts')
    .helpCommand(false)
    .enablePositionalOptions();
  for (const command of commands) program.addCommand(command(context));
  settle(program, context);
  return program;
}

/** Runs one command line, given without node and script. Never throws: how it ended is told to the context. */
export async function runProgram(argv: readonly string[], context: CommandContext): Promise<void> {
  const program = buildProgram(context);
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return;
    const named = commandNamed(program, argv);
    const child = hasChild(named);
    const isJson = !child && beforeSeparator(argv).includes('--json');
    reportFailure(thrown, { command: fullName(named), isJson, hasChild: child }, context);
  }
}

/** Commander settles none of this for commands added with addCommand. */
function settle(command: Command, context: CommandContext): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => context.stdout(text),
    writeErr: (text) => context.stderr(text),
    outputError: () => {},
  });
  for (const child of command.commands) settle(child, context);
}

/** The innermost command that the first words name. */
function commandNamed(program: Command, argv: readonly string[]): Command {
  let named = program;
  for (const word of argv) {
    const next = named.commands.find((command) => command.name() === word);
    if (next === undefined) break;
    named = next;
  }
  return named;
}

function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

function beforeSeparator(argv: readonly string[]): readonly string[] {
  const separator = argv.indexOf('--');
  return separator < 0 ? argv : argv.slice(0, separator);
}
