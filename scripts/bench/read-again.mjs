// SPDX-License-Identifier: MIT
// node read-again.mjs MODULE FUNCTION [OPTIONS]: for each path on standard input one call of FUNCTION(path, OPTIONS)
// from MODULE, and on standard output the nanoseconds it took: what `ask-ggml time` does for ggml.
import { createInterface } from 'node:readline';

const [module = '', name = '', options = '{}'] = process.argv.slice(2);
const read = (await import(module))[name];
const settings = JSON.parse(options, (_, value) => (value === 'all' ? Number.POSITIVE_INFINITY : value));

for await (const path of createInterface({ input: process.stdin })) {
  const start = process.hrtime.bigint();
  await read(path, settings);
  process.stdout.write(`${process.hrtime.bigint() - start}\n`);
}
