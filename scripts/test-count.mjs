// SPDX-License-Identifier: MIT
// Counts tests in vitest's JSON report. Source of truth: vitest's JsonTestResults (reporters/json.ts).

/** @typedef {{ passed: number, failed: number, skipped: number }} TestCount */
/** @typedef {{ status: string, message?: string, assertionResults: { status: string }[] }} TestFile */

/**
 * A file that failed without a failed test (it does not load, a hook failed) counts as one failure, and so does a
 * run that failed for a reason no file tells (`runFailed`).
 * @param {{ testResults: TestFile[] } | null} jsonReport null: none was written
 * @param {boolean} runFailed
 * @returns {TestCount}
 */
export function countTests(jsonReport, runFailed) {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const { status, assertionResults } of jsonReport?.testResults ?? []) {
    const failedBefore = count.failed;
    for (const test of assertionResults) {
      if (test.status === 'passed') count.passed++;
      else if (test.status === 'failed') count.failed++;
      else count.skipped++;
    }
    if (status === 'failed' && count.failed === failedBefore) count.failed++;
  }
  if (count.failed === 0 && (runFailed || jsonReport === null)) count.failed = 1;
  return count;
}

/**
 * @param {TestCount[]} counts
 * @returns {TestCount}
 */
export function sumCounts(counts) {
  /** @param {keyof TestCount} key */
  const sum = (key) => counts.reduce((total, count) => total + count[key], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

/**
 * The last line of `npm test`.
 * @param {TestCount} count
 */
export function countLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
