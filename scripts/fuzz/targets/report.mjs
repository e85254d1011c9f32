// SPDX-License-Identifier: MIT
// The report of the preload library, which is a file that anybody may have written. Input: its text.
import { encode, promise, unlessRefused } from '../check.mjs';
import { reportSeeds } from '../seeds.mjs';

/** @param {import('../targets.mjs').Load} load @returns {Promise<import('../targets.mjs').Target>} */
export async function openReport(load) {
  const errors = await load('errors.js');
  const { parseReport } = await load('runtime/preload-report.js');
  const seeds = reportSeeds();
  return {
    seeds,
    tokens: encode(
      'null',
      'true',
      'false',
      '""',
      '[]',
      '{}',
      '0',
      '-1',
      '0.5',
      '1e999',
      '9007199254740993',
      ',',
      ':',
      '{',
      '}',
      '[',
      ']',
      '"__proto__":',
      '"\\u0000"',
      '"rows"',
      '"none"',
      '"assumed"',
      '"not reached"',
      '"observe"',
      ...Object.keys(JSON.parse(Buffer.from(seeds[0] ?? []).toString())).map((key) => `"${key}":`),
    ),
    run(input) {
      const text = Buffer.from(input).toString();
      const report = unlessRefused(errors, /^report-unreadable$/, () => parseReport(text, 'report.json'));
      if (report) checkReport(report);
    },
  };
}

/** @param {any} report */
function checkReport(report) {
  promise(report.schema === 'numashard/report/1', 'the schema');
  for (const key of ['placedBytes', 'misplacedBytes', 'absentBytes', 'unknownBytes', 'movedPages', 'graphs'])
    promise(Number.isSafeInteger(report[key]) && report[key] >= 0, `${key} is whole`);
  for (const { index, tid, cpus } of report.workers)
    promise(Number.isSafeInteger(index) && tid > 0 && cpus.every(Number.isSafeInteger), 'workers are sound');
  for (const { address, byteLength, inHostMemory, shape } of report.tensors) {
    promise(!inHostMemory || Number.isSafeInteger(address), 'what is in memory has an address');
    promise(Number.isSafeInteger(byteLength) && shape.length === 4, 'tensors are sound');
  }
}
