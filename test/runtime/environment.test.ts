// SPDX-License-Identifier: MIT
// The names and places that TypeScript and C share.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { environmentNames, reportDirectory, reportPath } from '../../src/runtime/environment.js';

const native = new URL('../../native/', import.meta.url);

it('the names are those of numashard-env.h', () => {
  const header = readFileSync(new URL('include/numashard-env.h', native), 'utf8');
  const defined = [...header.matchAll(/^#define NUMASHARD_ENV_(\w+) "(\w+)"$/gm)];
  expect(defined.length).toBe(header.match(/^#define NUMASHARD_ENV_\w+ /gm)?.length);
  const names = Object.fromEntries(defined.map(([, key = '', name]) => [key.toLowerCase(), name]));
  expect(names).toEqual(environmentNames);
});

describe('the default place of reports', () => {
  const source = readFileSync(new URL('preload/report-file.c', native), 'utf8');
  /** The format strings of default_path(), filled in as snprintf would. */
  const formats = [...source.matchAll(/snprintf\((?:directory|report_path), sizeof \w+, "([^"]+)"/g)].map(
    ([, format = '']) => format,
  );
  const fill = (format: string | undefined, ...values: unknown[]): string =>
    (format ?? 'no format').replaceAll(/%[sd]/g, () => `${values.shift()}`);

  it.each([{ XDG_RUNTIME_DIR: '/run/user/7' }, { XDG_RUNTIME_DIR: '' }, {}])(
    'is that of report-file.c: %o',
    (env) => {
      const [runtime, home, file] = formats;
      const expected = env.XDG_RUNTIME_DIR ? fill(runtime, env.XDG_RUNTIME_DIR) : fill(home, 7);
      expect(reportDirectory(env, 7)).toBe(expected);
      expect(reportPath(undefined, expected, 42)).toBe(fill(file, expected, 42));
    },
  );
});

it.each([
  ['', '/d/42.json'],
  ['r.json', 'r.json'],
  ['/x/%p.json', '/x/42.json'],
  ['%p-%p', '42-%p'],
])('the pattern %o is %s', (pattern, path) => expect(reportPath(pattern, '/d', 42)).toBe(path));
