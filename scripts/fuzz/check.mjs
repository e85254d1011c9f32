// SPDX-License-Identifier: MIT
// What fuzz targets say when a promise is broken, and how they write their tokens.

/**
 * @param {unknown} holds
 * @param {string} promise
 * @returns {asserts holds}
 */
export function promise(holds, promise) {
  if (!holds) throw new Error(`broken promise: ${promise}`);
}

/**
 * Runs a parser; undefined when it refuses with one of these codes.
 * @template Result
 * @param {{ NumashardError: new (...args: never[]) => { code: string, message: string } }} errors
 * @param {RegExp} codes
 * @param {() => Result} parse
 * @returns {Result | undefined}
 */
export function unlessRefused(errors, codes, parse) {
  try {
    return parse();
  } catch (thrown) {
    checkRefusal(errors, codes, thrown);
    return undefined;
  }
}

/**
 * Throws what is no refusal, or one that nobody can act on.
 * @param {{ NumashardError: new (...args: never[]) => { code: string, message: string } }} errors
 * @param {RegExp} codes
 * @param {unknown} thrown
 */
export function checkRefusal({ NumashardError }, codes, thrown) {
  if (!(thrown instanceof NumashardError)) throw thrown;
  promise(codes.test(thrown.code), `code ${thrown.code} is one of ${codes}`);
  promise(thrown.message.length > 0 && thrown.message.length < 10_000, 'a message of readable length');
}

/** @param {readonly string[]} texts */
export function encode(...texts) {
  return texts.map((text) => new TextEncoder().encode(text));
}
