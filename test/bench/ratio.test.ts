// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { median, ratioOfMedians } from '../../src/bench/ratio.js';
import { asFast, atMost } from '../../src/bench/targets.js';

const pairs = (ours: number[], theirs: number[]) =>
  ours.map((value, index) => ({ ours: value, theirs: theirs[index] ?? Number.NaN }));

describe('median', () => {
  it.each([
    [[3], 3],
    [[9, 1, 3], 3],
    [[4, 1, 3, 2], 2.5],
    [[10, 9, 100], 10],
  ])('of %j is %d', (values, expected) => expect(median(values)).toBe(expected));
});

describe('ratioOfMedians', () => {
  it('is certain where every pair says the same', () => {
    expect(ratioOfMedians(pairs([2, 2, 2], [4, 4, 4]))).toEqual({
      ratio: 0.5,
      low: 0.5,
      high: 0.5,
      pairs: 3,
    });
  });

  it('gives the same interval for the same pairs', () => {
    const some = pairs([1, 2, 3, 4, 5], [5, 1, 4, 2, 3]);
    expect(ratioOfMedians(some)).toEqual(ratioOfMedians(some));
  });

  it('keeps a disturbance of both out of the ratio', () => {
    const noise = [1, 1.1, 0.9, 8, 1, 1.2, 7, 0.95, 1, 1.05, 1.1, 6, 1, 1, 0.9];
    const { ratio, low, high } = ratioOfMedians(
      pairs(
        noise.map((x) => x * 0.8),
        noise,
      ),
    );
    expect([ratio, low, high]).toEqual([0.8, 0.8, 0.8].map((value) => expect.closeTo(value, 10)));
  });

  it('covers the true ratio in about 95 of 100 measurements', () => {
    let seed = 1;
    const uniform = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const noisy = () => 1 + (uniform() + uniform() + uniform() - 1.5) / 10;
    let covered = 0;
    for (let measurement = 0; measurement < 60; measurement++) {
      const { low, high } = ratioOfMedians(
        Array.from({ length: 15 }, () => ({ ours: 0.9 * noisy(), theirs: noisy() })),
      );
      covered += Number(low <= 0.9 && high >= 0.9);
    }
    expect(covered).toBeGreaterThanOrEqual(52);
    expect(covered).toBeLessThanOrEqual(60);
  });
});

describe('targets', () => {
  const ratio = (value: number, low: number, high: number) => ({ ratio: value, low, high, pairs: 15 });
  it.each([
    [1, true],
    [1.01, false],
  ])('a ratio of %d is at most 1: %s', (value, isMet) => {
    expect(atMost('load', ratio(value, 0.9, 1.2), 1).isMet).toBe(isMet);
  });
  it.each([
    [0.98, 1, true],
    [0.97, 1, false],
    [0.975, 0.985, false],
    [1.01, 1.02, true],
  ])('speed between %d and %d is kept: %s', (low, high, isMet) => {
    expect(asFast('speed', ratio((low + high) / 2, low, high), 0.99, 0.97).isMet).toBe(isMet);
  });
});
