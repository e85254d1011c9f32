// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import {
  removedTensorTypeName,
  rowByteLength,
  tensorTypeById,
  tensorTypeByName,
  tensorTypes,
} from '../../src/gguf/tensor-types.js';

describe('tensor types', () => {
  it('has every id up to 42, each either in use or removed, never both', () => {
    for (let id = 0; id <= 42; id++) {
      expect(
        [tensorTypeById(id) !== undefined, removedTensorTypeName(id) !== undefined].filter(Boolean),
      ).toHaveLength(1);
    }
    expect(tensorTypeById(43)).toBeUndefined();
    expect(removedTensorTypeName(43)).toBeUndefined();
  });

  it('gives ids and names once', () => {
    expect(new Set(tensorTypes.map(({ name }) => name)).size).toBe(tensorTypes.length);
  });

  // Bits per weight as llama.cpp's documentation of quantization states them: an independent source.
  it.each([
    ['q4_0', 4.5],
    ['q8_0', 8.5],
    ['q2_K', 2.625],
    ['q3_K', 3.4375],
    ['q4_K', 4.5],
    ['q5_K', 5.5],
    ['q6_K', 6.5625],
    ['iq2_xxs', 2.0625],
    ['iq3_xxs', 3.0625],
    ['iq1_s', 1.5625],
    ['iq1_m', 1.75],
    ['iq4_xs', 4.25],
    ['tq1_0', 1.6875],
    ['tq2_0', 2.0625],
    ['mxfp4', 4.25],
    ['nvfp4', 4.5],
    ['bf16', 16],
  ])('%s has %d bits per weight', (name, bits) => {
    const type = tensorTypeByName(name);
    expect((type.blockBytes * 8) / type.blockSize).toBe(bits);
  });

  it('measures a row', () => {
    expect(rowByteLength(tensorTypeByName('q4_K'), 4096)).toBe(2304);
  });

  it('refuses a name it does not have', () => {
    expect(() => tensorTypeByName('Q4_K')).toThrow('unknown tensor type "Q4_K"');
  });
});
