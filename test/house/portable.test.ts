// SPDX-License-Identifier: MIT
// inspect, plan and map are for every system: nothing that they import starts a process, opens a socket or is native;
// neither does anything in the pure folders.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const source = fileURLToPath(new URL('../../src', import.meta.url));
const portableModules =
  /^node:(buffer|events|fs|fs\/promises|os|path|stream|stream\/promises|url|util|zlib)$/;
const portablePackages = new Set(['commander']);

describe('what they import', () => {
  it.each(['inspect', 'plan', 'map'])('%s', (command) => {
    const graph = graphOf(join(source, 'cli/commands', `${command}.ts`));
    expect(graph.files.size).toBeGreaterThan(10);
    expect(unportable(graph)).toEqual([]);
    const folders = new Set([...graph.files].map((file) => relative(source, file).split('/')[0]));
    for (const folder of ['verify', 'lab']) expect(folders).not.toContain(folder);
  });

  it.each(['gguf', 'topology', 'model', 'shardmap', 'plan'])('the folder %s', (folder) => {
    const files = readdirSync(join(source, folder), { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => name.endsWith('.ts'))) {
      expect(unportable(graphOf(join(source, folder, file))), file).toEqual([]);
    }
  });

  it('is found: run starts processes', () => {
    expect(unportable(graphOf(join(source, 'cli/commands/run.ts')))).toContain('node:child_process');
  });
});

interface Graph {
  readonly files: ReadonlySet<string>;
  readonly modules: ReadonlySet<string>;
}

/** Imports that are there at run time, dynamic ones included. */
function graphOf(entry: string): Graph {
  const files = new Set([entry]);
  const modules = new Set<string>();
  for (const file of files) {
    const text = readFileSync(file, 'utf8').replace(/^(?:import|export) type [^;]*;/gm, '');
    for (const [, name = ''] of text.matchAll(/(?:\bfrom |\bimport\(|^import )'([^']+)'/gm)) {
      if (name.startsWith('.')) files.add(join(dirname(file), name.replace(/\.js$/, '.ts')));
      else modules.add(name);
    }
  }
  return { files, modules };
}

function unportable({ modules }: Graph): string[] {
  return [...modules].filter((name) => !portableModules.test(name) && !portablePackages.has(name));
}
