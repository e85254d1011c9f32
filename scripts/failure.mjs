// SPDX-License-Identifier: MIT
// How the scripts of a checkout fail: as the program itself does, `error:` and `hint:` on standard error.

export class Failure extends Error {
  /**
   * @param {string} message
   * @param {string} [hint]
   * @param {number} [exitCode]
   */
  constructor(message, hint, exitCode = 1) {
    super(message);
    this.hint = hint;
    this.exitCode = exitCode;
  }
}

/**
 * Runs a script's main function and turns a Failure into text and an exit code.
 * @param {() => unknown} main
 */
export async function report(main) {
  try {
    await main();
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    process.stderr.write(`error: ${thrown.message}\n${thrown.hint ? `hint: ${thrown.hint}\n` : ''}`);
    process.exitCode = thrown.exitCode;
  }
}
