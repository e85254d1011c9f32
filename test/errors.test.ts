// SPDX-License-Identifier: MIT
// docs/errors.md against src/errors.ts: every code, and no other.
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

it('docs/errors.md lists every error code and no other', () => {
  const source = read('../src/errors.ts');
  const [union = ''] = source.slice(source.indexOf('type ErrorCode =')).split('\n\n');
  const codes = [...union.matchAll(/^ +\| '([a-z-]+)'/gm)].map(([, code]) => code);
  const listed = [...read('../docs/errors.md').matchAll(/^\| `([a-z-]+)` \| \S.* \| \S.* \|$/gm)].map(
    ([, code]) => code,
  );
  expect(codes.length).toBeGreaterThan(25);
  expect(listed.sort()).toEqual(codes.sort());
});

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8');
}
