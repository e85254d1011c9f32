// SPDX-License-Identifier: MIT
// The value of LD_PRELOAD as ld.so(8) reads it.
import { expect, it } from 'vitest';
import { preloadValue } from '../../src/cli/native-parts.js';

const library = '/opt/numashard/native/build/libnumashard.so';

it('keeps what is preloaded already, ours first and once', () => {
  expect(preloadValue(library, undefined)).toBe(library);
  expect(preloadValue(library, '')).toBe(library);
  expect(preloadValue(library, `/lib/a.so /lib/b.so:${library}`)).toBe(`${library}:/lib/a.so:/lib/b.so`);
});

it.each(['/opt/my tools/libnumashard.so', '/opt/a:b/libnumashard.so', '/opt/$LIB/libnumashard.so'])(
  'refuses %s, which the loader would read otherwise',
  (path) => {
    expect(() => preloadValue(path, undefined)).toThrow(`LD_PRELOAD cannot name ${path}`);
  },
);
