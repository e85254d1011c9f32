// SPDX-License-Identifier: MIT
// docs/commands.md from the command objects themselves: the help of every command, as the program prints it.

const head = `# Commands
Written by \`npm run docs\` from the program's own help. Every command takes \`--json\` where its output is its own;
docs/json.md lists the fields, docs/errors.md the error codes.

Exit codes: 0 done, 1 a check failed, 2 wrong use, 3 unusable input, 4 the machine refused. Commands that run another
command end as it ended (by the same signal too); 125 means that numashard itself failed, 126 that the command cannot be
run, 127 that there is none.
`;

/** Wide enough for one-line descriptions. */
const width = 110;

/**
 * @param {import('commander').Command} program
 * @returns {string} Markdown
 */
export function commandReference(program) {
  return `${[head, ...sections(program, program.name())].join('\n')}`;
}

/**
 * @param {import('commander').Command} command
 * @param {string} name
 * @returns {string[]}
 */
function sections(command, name) {
  return [
    `## ${name}\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`,
    ...command.commands.flatMap((child) => sections(child, `${name} ${child.name()}`)),
  ];
}

/**
 * Examples are part of what is printed, not of helpInformation().
 * @param {import('commander').Command} command
 */
function helpOf(command) {
  let text = '';
  command.configureOutput({
    getOutHelpWidth: () => width,
    getOutHasColors: () => false,
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text.trim();
}
