// SPDX-License-Identifier: MIT
// What all commands have in common: an example in the help, and `--json` or a child that owns the output.
import { Command } from 'commander';

export interface CommandDefinition {
  readonly name: string;
  /** One sentence without a full stop. */
  readonly summary: string;
  /** Lines a user can type. */
  readonly examples: readonly string[];
}

const commandsWithChild = new WeakSet<Command>();

/** A command that answers: text, or with `--json` one document. */
export function defineCommand(definition: CommandDefinition): Command {
  return describe(definition).option('--json', 'print one JSON document instead of text');
}

/** A command that starts another one: all that follows `--`, or the first word that is not an option, is the child's. */
export function defineCommandWithChild(definition: CommandDefinition): Command {
  const command = describe(definition).argument('<command...>', 'the command to run').passThroughOptions();
  commandsWithChild.add(command);
  return command;
}

/** A command that only has commands of its own. */
export function defineGroup(definition: CommandDefinition, commands: readonly Command[]): Command {
  const group = describe(definition).enablePositionalOptions().helpCommand(false);
  for (const command of commands) group.addCommand(command);
  return group;
}

/** Such a command leaves standard output and the exit codes below 125 to its child, as env(1) does. */
export function hasChild(command: Command): boolean {
  return commandsWithChild.has(command);
}

function describe({ name, summary, examples }: CommandDefinition): Command {
  const title = examples.length === 1 ? 'Example' : 'Examples';
  return new Command(name)
    .description(summary)
    .addHelpText('after', `\n${title}:\n${examples.map((line) => `  ${line}`).join('\n')}`);
}
