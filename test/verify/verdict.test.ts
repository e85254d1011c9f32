// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { findFaults } from '../../src/verify/verdict.js';

const good = {
  pid: 7,
  worstRows: null,
  map: '*:rows',
  placedBytes: 100_000,
  misplacedBytes: 0,
  absentBytes: 0,
  unknownBytes: 0,
  localShareBound: 1,
  rows: { byteLength: 90_000, localBytes: 90_000 },
  threads: { asked: 4, seen: [4] },
};

describe('findFaults', () => {
  it('finds none where all is as asked', () => expect(findFaults(good)).toEqual([]));

  it.each(['misplacedBytes', 'absentBytes', 'unknownBytes'] as const)('%s count against it', (key) => {
    expect(findFaults({ ...good, [key]: 500 })).toEqual([]);
    expect(findFaults({ ...good, [key]: 501 })).toEqual([
      '99.49 % of the bytes lie where the map says, 99.50 % were wanted',
    ]);
  });

  it('asks no more than pages allow', () => {
    const coarse = { ...good, localShareBound: 0.966, rows: { byteLength: 90_000, localBytes: 86_000 } };
    expect(findFaults({ ...coarse, misplacedBytes: 3_550 })).toEqual([]);
    expect(findFaults({ ...coarse, misplacedBytes: 3_560 })).toHaveLength(1);
    expect(findFaults({ ...coarse, rows: { byteLength: 90_000, localBytes: 85_500 } })).toHaveLength(1);
  });

  it('wants rows where their worker ran, if the map says rows', () => {
    const remote = { ...good, rows: { byteLength: 100, localBytes: 97 } };
    expect(findFaults(remote)).toEqual([
      '97.00 % of the rows lie where their worker ran, 98.00 % were wanted',
    ]);
    expect(findFaults({ ...remote, map: 'name=rows:node1,*:interleave(all)' })).toEqual([]);
  });

  it('does not take rows that nobody was seen to read for local', () => {
    const unseen = { ...good, rows: { byteLength: 0, localBytes: 0 }, threads: 'not reached' as const };
    expect(findFaults(unseen)).toEqual(['no worker was reached, so nobody knows who reads which rows']);
    expect(findFaults({ ...unseen, map: '*:node0' })).toEqual([]);
  });

  it('does not take rows for proved before the first graph, but of a file nobody reads rows', () => {
    const early = { ...good, rows: { byteLength: 0, localBytes: 0 }, threads: 'assumed' as const };
    expect(findFaults(early)).toEqual(['no graph has run yet, so nobody knows who reads which rows']);
    expect(findFaults({ ...early, pid: null })).toEqual([]);
  });

  it.each([
    [98_000, 1, 0],
    [97_999, 1, 1],
    [89_851, 0.9, 0],
    [89_849, 0.9, 1],
    [0, 0, 0],
  ])('of the worst worker %i of 100,000 bytes local, %f possible: %i faults', (localBytes, bound, count) => {
    const worstRows = { tensor: 'output.weight', worker: 1, byteLength: 100_000, localBytes, bound };
    const faults = findFaults({ ...good, worstRows });
    expect(faults).toHaveLength(count);
    if (count > 0) expect(faults[0]).toContain("of worker 1's rows of output.weight lie where it ran");
    expect(findFaults({ ...good, worstRows, map: '*:node0' })).toEqual([]);
  });

  it('calls nothing placed a fault, but under observe', () => {
    expect(findFaults({ ...good, placedBytes: 0 })).toEqual(['no weight was placed']);
    expect(findFaults({ ...good, placedBytes: 0, map: ' observe ' })).toEqual([]);
  });
});
