// SPDX-License-Identifier: MIT
// Lists in the documentation against the code that they describe: warning codes, environment names.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { environmentNames } from '../../src/runtime/environment.js';

describe('warning codes', () => {
  it.each([
    ['docs/topology.md', 'src/topology/types.ts', 'TopologyWarningCode'],
    ['docs/shard-maps.md', 'src/shardmap/types.ts', 'MapWarningCode'],
    ['docs/json.md', 'src/plan/types.ts', 'PlanWarningCode'],
  ])('%s lists those of %s', (page, source, type) => {
    expect(listedUnder('warning', read(page)).sort()).toEqual(membersOf(type, read(source)).sort());
  });

  it('docs/report.md lists those of the preload library', () => {
    const codes = [...read('native/preload/report.c').matchAll(/\\"code\\":\\"([a-z-]+)\\"/g)];
    expect(listedUnder('warning', read('docs/report.md')).sort()).toEqual(
      codes.map(([, code]) => code).sort(),
    );
  });
});

it('docs/shard-maps.md lists the errors of maps', () => {
  const codes = membersOf('ErrorCode', read('src/errors.ts')).filter((code) => code.startsWith('map-'));
  expect(listedUnder('error', read('docs/shard-maps.md')).sort()).toEqual(codes.sort());
});

it('docs/report.md, the native header and TypeScript have the same environment names', () => {
  const names: string[] = Object.values(environmentNames);
  const native = [...read('native/include/numashard-env.h').matchAll(/^#define \w+ "(\w+)"$/gm)];
  const listed = [...read('docs/report.md').matchAll(/^\| `(GGML_\w+)` \|/gm)];
  expect(native.map(([, name]) => name).sort()).toEqual(names.toSorted());
  expect(listed.map(([, name]) => name).sort()).toEqual(names.toSorted());
});

/** Codes in the first column of the table under `## Warnings`, or whose first column is headed so. */
function listedUnder(what: 'warning' | 'error', page: string): string[] {
  const section = page.split(new RegExp(`^## ${what}s\n`, 'im'))[1]?.split(/^## /m)[0];
  const table = section ?? page.split(`| ${what} | meaning |`)[1]?.split('\n\n')[0] ?? '';
  const cells = table.split('\n').flatMap((line) => /^\| (`.*?`) \|/.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => cell.match(/[a-z]+(?:-[a-z]+)+/g) ?? []);
}

/** The strings of a union type, in whatever order. */
function membersOf(type: string, source: string): string[] {
  const start = source.indexOf(`type ${type} =`);
  expect(start, type).toBeGreaterThan(-1);
  const union = source.slice(start, source.indexOf(';\n', start));
  return [...union.matchAll(/^ +\| '([a-z-]+)'/gm)].map(([, code]) => code ?? '');
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}
