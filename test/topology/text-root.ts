// SPDX-License-Identifier: MIT
// A file root made of a plain `{path: text}` object, and the crafted machines in test/fixtures/topology.
import { readFileSync } from 'node:fs';
import type { FileRoot } from '../../src/topology/file-root.js';

export function textRoot(files: Readonly<Record<string, string>>): FileRoot {
  const paths = Object.keys(files);
  return {
    readText: async (path) => files[path] ?? null,
    list: async (directory) => {
      const below = paths.filter((path) => path.startsWith(`${directory}/`));
      const names = below.map((path) => path.slice(directory.length + 1).split('/')[0] as string);
      return names.length === 0 ? null : [...new Set(names)].sort();
    },
  };
}

export function fixtureFiles(name: string): Record<string, string> {
  const url = new URL(`../fixtures/topology/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as Record<string, string>;
}
