// SPDX-License-Identifier: MIT
// The preload library's look into the other parts of a split model (native/preload/split.c), under sanitizers.
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ggufString, ggufStrings } from '../../src/gguf/encode.js';
import type { GgufForm } from '../../src/gguf/form.js';
import { type GgufToWrite, writeGguf } from '../../src/gguf/write-gguf.js';
import { writeGgufParts } from '../../src/gguf/write-parts.js';
import { sanitizers } from './preload-workshop.js';

const native = fileURLToPath(new URL('../../native/', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'numashard-split-'));
const program = join(folder, 'split-parts');
const names = ['token_embd.weight', 'blk.0.attn_q.weight', 'blk.1.attn_q.weight', 'output.weight'];
let models = 0;

const content = (form: GgufForm = { version: 3, byteOrder: 'little' }): GgufToWrite => ({
  form,
  metadata: {
    'general.architecture': ggufString('llama'),
    // Past the reader's window of 64 KiB.
    'tokenizer.ggml.tokens': ggufStrings(Array.from({ length: 9000 }, (_, i) => `token ${i} output.weight`)),
    flags: { type: 'array', elementType: 'bool', value: [true, false] } as const,
    large: { type: 'uint64', value: 1n } as const,
  },
  tensors: names.map((name) => ({
    name,
    type: 'f32',
    shape: [8, 4],
    fill: (buffer: Uint8Array) => buffer.fill(1),
  })),
});

async function splitModel(counts = [2, 1], model = content()): Promise<string[]> {
  models++;
  mkdirSync(join(folder, `${models}`));
  return writeGgufParts(join(folder, `${models}`, 'model'), model, counts);
}

function look(path: string | undefined, tensor: string, cut?: string): string {
  const words = [path ?? '', tensor, ...(cut === undefined ? [] : [cut])];
  return execFileSync(program, words, { encoding: 'utf8', maxBuffer: 1 << 24 });
}

beforeAll(() => {
  const flags = '-std=c11 -D_GNU_SOURCE -O1 -g -pthread -Wall -Wextra -Werror'.split(' ');
  const sources = ['preload/split.c', 'test/split-parts.c'].map((name) => join(native, name));
  execFileSync('cc', [...flags, ...sanitizers, '-o', program, ...sources]);
});

afterAll(() => rmSync(folder, { recursive: true }));

describe('a tensor of a split model', () => {
  it.each([2, 3] as const)('is found from any part, whichever has it: version %i', async (version) => {
    const paths = await splitModel([2, 1], content({ version, byteOrder: 'little' }));
    for (const path of paths) {
      expect(names.map((name) => look(path, name)).join('')).toBe('1111');
      expect(look(path, 'output')).toBe('0');
      expect(look(path, 'output.weights')).toBe('0');
    }
  });

  it('is not looked for in a model of one file, nor under another name', async () => {
    const [first = ''] = await splitModel();
    const other = join(folder, 'model.gguf');
    copyFileSync(first, other);
    expect(look(other, 'token_embd.weight')).toBe('0');
    await writeGguf(join(folder, 'x-00001-of-00001.gguf'), content());
    expect(look(join(folder, 'x-00001-of-00001.gguf'), 'output.weight')).toBe('0');
  });
});

describe('a part that is broken', () => {
  it.each([0, 1])(
    'is none, cut at every byte, and is read no further than it goes: part %i',
    async (index) => {
      const small = {
        ...content(),
        metadata: { 'general.name': ggufString('a'), names: ggufStrings(['a', 'b']) },
      };
      const paths = await splitModel([2, 1], small);
      const cut = paths[index] ?? '';
      const name = names[index === 0 ? 1 : 2] ?? '';
      const found = look(paths[2], name, cut);
      const { length } = found;
      // Found as long as its name is whole; then never again.
      expect(found).toMatch(/^1+0+$/);
      expect(length).toBeGreaterThan(200);
    },
  );

  it('that claims absurd numbers is none', async () => {
    const paths = await splitModel();
    const [first = ''] = paths;
    const whole = readFileSync(first);
    for (const [offset, width] of [
      [4, 4],
      [8, 8],
      [16, 8],
      [24, 8],
    ] as const) {
      const broken = Buffer.from(whole);
      broken.fill(0xff, offset, offset + width);
      writeFileSync(first, broken);
      expect(look(first, 'blk.0.attn_q.weight')).toBe('0');
    }
    writeFileSync(first, whole);
    expect(look(first, 'blk.0.attn_q.weight')).toBe('1');
    truncateSync(first, statSync(first).size / 2);
    // What comes after a broken part is still found.
    expect(look(first, 'output.weight')).toBe('1');
  });
});
