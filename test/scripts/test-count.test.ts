// SPDX-License-Identifier: MIT
// The count that decides whether a run is green.
import { expect, it } from 'vitest';
import { countLine, countTests, sumCounts } from '../../scripts/test-count.mjs';

const file = (status: string, ...tests: string[]) => {
  return { status, assertionResults: tests.map((test) => ({ status: test })) };
};

it('counts tests', () => {
  const report = {
    testResults: [file('passed', 'passed', 'skipped', 'todo'), file('failed', 'passed', 'failed')],
  };
  expect(countTests(report, true)).toEqual({ passed: 2, failed: 1, skipped: 2 });
});

it('counts a file that does not load, or whose hook fails, as a failure', () => {
  expect(countTests({ testResults: [file('failed')] }, true)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(countTests({ testResults: [file('failed', 'skipped', 'passed')] }, true).failed).toBe(1);
});

it('is never green when the run was not', () => {
  expect(countTests({ testResults: [file('passed', 'passed')] }, true)).toEqual({
    passed: 1,
    failed: 1,
    skipped: 0,
  });
  expect(countTests(null, true)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(countTests(null, false).failed).toBe(1);
});

it('prints one line', () => {
  const total = sumCounts([
    { passed: 1, failed: 0, skipped: 0 },
    { passed: 40, failed: 2, skipped: 0 },
  ]);
  expect(countLine(total)).toBe('41 passed, 2 failed');
  expect(countLine({ ...total, skipped: 3 })).toBe('41 passed, 2 failed, 3 skipped');
});
