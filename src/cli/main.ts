// SPDX-License-Identifier: MIT
// The process: the only place that writes to the streams and decides how it all ends.
import { writeSync } from 'node:fs';
import { type CommandContext, surroundings } from './context.js';
import { runProgram } from './program.js';

let ending: number | NodeJS.Signals = 0;

const isTerminal = { stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true };
const context: CommandContext = {
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  endWith: (how) => {
    ending = how;
  },
  env: process.env,
  isTerminal,
  ...surroundings(process.env, isTerminal.stdout),
};

// A reader such as head(1) that has seen enough is no failure; a full disk is.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  writeSync(2, `error: cannot write to standard output: ${error.message}\n`);
  process.exit(4);
});
process.stderr.on('error', () => {});

await runProgram(process.argv.slice(2), context);
if (typeof ending === 'number') {
  process.exitCode = ending;
} else {
  // Ends by the signal that ended the child, so that a shell sees the same. Node.js ignores SIGPIPE, and listeners
  // would keep us alive: adding one and removing all brings the default back, where a signal has another.
  if (ending !== 'SIGKILL' && ending !== 'SIGSTOP') process.on(ending, () => {});
  process.removeAllListeners(ending);
  process.kill(process.pid, ending);
}
