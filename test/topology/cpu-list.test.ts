// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCpuList, maxCpuId, parseCpuList, parseCpuMask } from '../../src/topology/cpu-list.js';

describe('parseCpuList', () => {
  it.each([
    ['a', '"a" is not a number'],
    ['0-', '"0-" is not a number'],
    ['0,,2', '"" is not a number'],
    ['-1', '"-1" is not a number'],
    ['1.5', '"1.5" is not a number'],
    ['5-3', 'range 5-3 runs backwards'],
    ['0-65536', 'id 65536 is above the limit of 65535'],
    ['99999999999', 'is not a number'],
    ['0-65535,0-65535', 'more than 65536 ids'],
  ])('refuses %s', (text, reason) => {
    expect(() => parseCpuList(text, 'node/online')).toThrow(reason);
    expect(() => parseCpuList(text, 'node/online')).toThrow('node/online');
  });

  it.each([
    ['', []],
    [' \n', []],
    ['0-3,8\n', [0, 1, 2, 3, 8]],
    ['8,0-1,1', [0, 1, 8]],
    [`${maxCpuId}`, [maxCpuId]],
  ])('reads %j', (text, ids) => {
    expect(parseCpuList(text)).toEqual(ids);
  });
});

describe('parseCpuMask', () => {
  it.each(['', 'x', '0x3', '123456789', '1,,2'])('refuses %j', (text) => {
    expect(() => parseCpuMask(text)).toThrow('hexadecimal');
  });

  it('refuses more bits than any kernel has CPUs', () => {
    expect(() => parseCpuMask(Array(2049).fill('0').join(','))).toThrow('more than 65536 bits');
  });

  it.each([
    ['00000000,00000000,00000000,00005555', [0, 2, 4, 6, 8, 10, 12, 14]],
    ['80000000,00000001', [0, 63]],
    ['0', []],
  ])('reads %s', (text, ids) => {
    expect(parseCpuMask(text)).toEqual(ids);
  });
});

describe('formatCpuList', () => {
  it('writes the shortest form', () => {
    expect(formatCpuList([8, 2, 1, 0, 2])).toBe('0-2,8');
    expect(formatCpuList([])).toBe('');
  });

  it('is the inverse of parseCpuList', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 300 })), (ids) => {
        const sorted = [...ids].sort((left, right) => left - right);
        expect(parseCpuList(formatCpuList(ids))).toEqual(sorted);
      }),
    );
  });
});
