// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { planPlacement } from '../../src/plan/plan-placement.js';
import { renderPlan } from '../../src/report/plan-table.js';
import { GiB, machine, model } from '../plan/machines.js';

const plan = planPlacement({
  model: model(8, GiB),
  topology: machine([{ free: GiB }, {}]),
  threads: null,
  strategy: null,
});

describe('renderPlan', () => {
  it('shows every strategy, marks the chosen one and ends with warnings', () => {
    expect(renderPlan(plan)).toBe(
      [
        '   strategy    fits            memory per node           threads     map',
        '   flat        yes             –                         –           –',
        '   isolate     yes             1: 8.00 GiB               1: 4        *:rows(1)',
        '   interleave  3.00 GiB short  0: 4.00 GiB, 1: 4.00 GiB  0: 4, 1: 4  *:interleave(all)',
        '   layers      yes             0: 0 B, 1: 8.00 GiB       0: 4, 1: 4  0-7:node1,*:node1',
        '→  rows        3.00 GiB short  0: 4.00 GiB, 1: 4.00 GiB  0: 4, 1: 4  *:rows',
        'chosen: rows with 8 threads',
        `warning: rows lacks free memory: ${3 * GiB} bytes on node 0; what fits: flat, isolate, layers [does-not-fit]`,
      ].join('\n'),
    );
  });
});
