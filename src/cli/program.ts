// SPDX-License-Identifier: MIT
// The program: all commands, and what happens to an argument list from parsing to the exit code.
import { Command, CommanderError } from 'commander';
import type { CommandContext } from './context.js';
import { hasChild } from './define-command.js';
import { reportFailure } from './failures.js';
import { versionText } from './version.js';

type MakeCommand = (context: CommandContext) => Command;

/** In the order of the help. A module is loaded when its command is named, which halves the time to the first answer. */
const commands: Readonly<Record<string, () => Promise<MakeCommand>>> = {
  topology: async () => (await import('./commands/topology.js')).topologyCommand,
  inspect: async () => (await import('./commands/inspect.js')).inspectCommand,
  plan: async () => (await import('./commands/plan.js')).planCommand,
  map: async () => (await import('./commands/map.js')).mapCommand,
  run: async () => (await import('./commands/run.js')).runCommand,
  place: async () => (await import('./commands/place.js')).placeCommand,
  verify: async () => (await import('./commands/verify.js')).verifyCommand,
  lab: async () => (await import('./commands/lab.js')).labCommand,
};

/** The whole program, or with `name` one command of it. */
export async function buildProgram(context: CommandContext, name?: string): Promise<Command> {
  const program = new Command('numashard')
    .description(
      "puts each page of a GGUF model on the NUMA node of the thread that reads it, and proves it's there",
    )
    .version(versionText(context), '--version', 'print the versions of all parts')
    .helpCommand(false)
    .enablePositionalOptions();
  const loads = name === undefined ? Object.values(commands) : [commands[name]];
  for (const load of loads) if (load) program.addCommand((await load())(context));
  settle(program, context);
  return program;
}

/** Runs one command line, given without node and script. Never throws: how it ended is told to the context. */
export async function runProgram(argv: readonly string[], context: CommandContext): Promise<void> {
  const [first = ''] = argv;
  const program = await buildProgram(context, Object.hasOwn(commands, first) ? first : undefined);
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
