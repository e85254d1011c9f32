// SPDX-License-Identifier: MIT
// The preload library tells encoders from other models (native/preload/encoder.c) as src/model/describe-model.ts does.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { encodeMetadata, ggufString, ggufU32 } from '../../src/gguf/encode.js';
import { encoders } from '../../src/model/describe-model.js';
import { craft } from '../gguf/craft.js';
import { sanitizers } from './preload-workshop.js';

const native = fileURLToPath(new URL('../../native/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'numashard-encoder-'));
const program = join(folder, 'header-encoder');

beforeAll(() => {
  const flags = '-std=c11 -D_GNU_SOURCE -O1 -g -pthread -Wall -Wextra -Werror'.split(' ');
  const sources = ['preload/encoder.c', 'test/header-encoder.c'].map((name) => join(native, name));
  execFileSync('cc', [...flags, ...sanitizers, '-o', program, ...sources]);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** The answers for headers of these architectures; before them the first one's cut at every byte. */
function ask(architectures: readonly string[]): { cuts: string; answers: boolean[] } {
  const paths = architectures.map((architecture, index) => {
    const path = join(folder, `${index}.gguf`);
    const metadata = [
      encodeMetadata('general.quantization_version', ggufU32(2)),
      encodeMetadata('general.architecture', ggufString(architecture)),
      encodeMetadata('general.name', ggufString('bert')),
    ];
    writeFileSync(path, craft({ metadata }));
    return path;
  });
  const [cuts = '', ...answers] = execFileSync(program, paths, { encoding: 'utf8' }).trim().split('\n');
  return { cuts, answers: answers.map((answer) => answer === '1') };
}

it('knows every encoder, and nothing else as one', () => {
  const names = [...encoders];
  expect(ask(names).answers).toEqual(names.map(() => true));
  const others = ['llama', 'deepseek2', '', 'ber', 'bertx', 'gemma-embedding3'];
  expect(ask(others).answers).toEqual(others.map(() => false));
  const source = readFileSync(join(native, 'preload/encoder.c'), 'utf8');
  const table = /encoders\[\] = \{([^}]*)\}/.exec(source)?.[1] ?? '';
  expect([...table.matchAll(/"([^"]+)"/g)].map(([, name]) => name).sort()).toEqual(names.sort());
});

it('reads no further than the header goes, cut at every byte', () => {
  // Once the name is whole it is one; before that it is not.
  expect(ask(['nomic-bert-moe']).cuts).toMatch(/^0{60,}1+$/);
});
