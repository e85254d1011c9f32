// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest';
import { parsePartPath, partPath } from '../../src/gguf/part-names.js';

it.each([
  ['/m/model-00002-of-00005.gguf', { prefix: '/m/model', number: 2, count: 5 }],
  ['-00001-of-00002.gguf', { prefix: '', number: 1, count: 2 }],
  ['a-00001-of-00002-00003-of-00004.gguf', { prefix: 'a-00001-of-00002', number: 3, count: 4 }],
  ['two\nlines-00001-of-00001.gguf', { prefix: 'two\nlines', number: 1, count: 1 }],
])('%j is a part, and is named so again', (path, name) => {
  expect(parsePartPath(path)).toEqual(name);
  expect(partPath(name)).toBe(path);
});

it.each(['model.gguf', 'model-1-of-2.gguf', 'model-00001-of-00002.bin', 'model-000001-of-000002.gguf'])(
  '%s is none',
  (path) => {
    expect(parsePartPath(path)).toBeNull();
  },
);
