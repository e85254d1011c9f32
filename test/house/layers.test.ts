// SPDX-License-Identifier: MIT
// The house has floors: a folder of src/ imports only from folders above it, so that the middle stays pure.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const floors = [
  'gguf',
  'topology',
  'model',
  'shardmap',
  'plan',
  'runtime',
  'verify',
  'bench',
  'report',
  'lab',
  'cli',
];
const source = fileURLToPath(new URL('../../src', import.meta.url));

function folderOf(path: string): string {
  return relative(source, path).split('/')[0] ?? '';
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => join(source, name));

describe('the folders of src/', () => {
  it.each(files.map((file) => [relative(source, file), file]))(
    '%s imports only from above',
    (_name, file) => {
      const floor = floors.indexOf(folderOf(file));
      const imports = [...readFileSync(file, 'utf8').matchAll(/from '(\.[^']+)'/g)].map(
        (found) => found[1] ?? '',
      );
      const below = imports
        .map((path) => folderOf(join(dirname(file), path)))
        .filter((folder) => floor >= 0 && floors.indexOf(folder) > floor);
      expect(below).toEqual([]);
    },
  );

  it('are all on a floor', () => {
    const unknown = files
      .map(folderOf)
      .filter((folder) => !folder.endsWith('.ts') && !floors.includes(folder));
    expect(unknown).toEqual([]);
  });
});
