// SPDX-License-Identifier: MIT
// Models in several files: any part leads to all, and what does not belong together is refused by name.
import { copyFileSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type EncodableValue, ggufI32, ggufString, ggufU16, ggufU32 } from '../../src/gguf/encode.js';
import { readGguf } from '../../src/gguf/read-gguf.js';
import { readGgufParts } from '../../src/gguf/read-parts.js';
import { type GgufToWrite, writeGguf } from '../../src/gguf/write-gguf.js';
import { writeGgufParts } from '../../src/gguf/write-parts.js';
import { failureAt, forms, useFolder } from './craft.js';

const folder = useFolder();
let models = 0;

const metadata = { 'general.architecture': ggufString('llama'), 'llama.block_count': ggufU32(3) };
const names = [
  'token_embd',
  ...[0, 1, 2].flatMap((n) => [`blk.${n}.attn_norm`, `blk.${n}.ffn_up`]),
  'output',
];

const content = (width = 8, more: Record<string, EncodableValue> = {}): GgufToWrite => ({
  metadata: { ...metadata, ...more },
  tensors: names.map((name, i) => ({
    name: `${name}.weight`,
    type: 'f32',
    shape: name.endsWith('norm') ? [width] : [width, i + 1],
    fill: (buffer: Uint8Array) => buffer.fill(i),
  })),
});

/** A model of three parts, of 1, 4 and 3 tensors, in a folder of its own. */
async function splitModel(model = content(), counts = [1, 4]): Promise<string[]> {
  models++;
  mkdirSync(folder.path(`${models}`));
  return writeGgufParts(folder.path(`${models}/model`), model, counts);
}

const failure = (path: string) => failureAt(path, readGgufParts);

describe('a split model', () => {
  it.each(forms)('is read from any part: version $version, $byteOrder-endian', async (form) => {
    const paths = await splitModel({ ...content(), form });
    expect(paths.map((path) => path.slice(path.lastIndexOf('/') + 1))).toEqual([
      'model-00001-of-00003.gguf',
      'model-00002-of-00003.gguf',
      'model-00003-of-00003.gguf',
    ]);
    for (const given of paths) {
      const parts = await readGgufParts(given);
      expect(parts.map(({ path }) => path)).toEqual(paths);
      expect(parts.map(({ tensors }) => tensors.length)).toEqual([1, 4, 3]);
      expect(parts.flatMap(({ tensors }) => tensors.map(({ name }) => name))).toEqual(
        names.map((name) => `${name}.weight`),
      );
      expect(parts.every((part) => part.tensors.every(({ file }) => file === part.path))).toBe(true);
      expect(parts[0]?.metadata.get('llama.block_count')).toBe(3);
      expect(parts[1]?.metadata.size).toBe(3);
    }
  });

  it('may have a first part without tensors', async () => {
    const [first = ''] = await splitModel(content(), [0, 5]);
    expect((await readGgufParts(first)).map(({ tensors }) => tensors.length)).toEqual([0, 5, 3]);
  });

  it('may be in one part, and a file without these keys is one', async () => {
    const one = await splitModel(content(), []);
    expect(await readGgufParts(one[0] ?? '')).toHaveLength(1);
    await writeGguf(folder.path('whole-00001-of-00009.gguf'), content());
    expect(await readGgufParts(folder.path('whole-00001-of-00009.gguf'))).toHaveLength(1);
    await writeGguf(folder.path('zero.gguf'), content(8, { 'split.count': ggufU16(0) }));
    expect(await readGgufParts(folder.path('zero.gguf'))).toHaveLength(1);
  });

  it('is read one part at a time by readGguf', async () => {
    const [, second = ''] = await splitModel();
    expect((await readGguf(second)).tensors).toHaveLength(4);
  });
});

describe('a missing part', () => {
  it.each([0, 1, 2])('is named: part %i', async (index) => {
    const paths = await splitModel();
    const missing = paths[index] ?? '';
    rmSync(missing);
    for (const given of paths.filter((path) => path !== missing)) {
      const error = await failureAt(missing, () => readGgufParts(given));
      expect(error).toMatchObject({ code: 'gguf-split', message: `a part is missing of 3: ${missing}` });
    }
  });

  it('is counted where there are many', async () => {
    const paths = await splitModel(content(), [1, 1, 1, 1, 1]);
    for (const path of paths.slice(1)) rmSync(path);
    const error = await readGgufParts(paths[0] ?? '').catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: 'gguf-split',
      message: `5 parts are missing of 6: ${paths.slice(1, 4).join(', ')} and 2 more`,
    });
  });

  it('that is given says that it is not there', async () => {
    expect(await failure(folder.path('no-00001-of-00002.gguf'))).toMatchObject({ code: 'file-unreadable' });
  });
});

describe('a part with a wrong name', () => {
  it.each(['model.gguf', 'model-00001-of-00003.gguf', 'model-00002-of-00004.gguf', 'model-2-of-3.gguf'])(
    '%s',
    async (name) => {
      const [, second = ''] = await splitModel();
      const renamed = folder.path(`${models}/${name}`);
      renameSync(second, renamed);
      expect(await failure(renamed)).toMatchObject({
        code: 'gguf-split',
        message: expect.stringContaining('is part 2 of 3 by its metadata'),
        hint: expect.stringContaining('NAME-00002-of-00003.gguf'),
      });
    },
  );
});

describe('a part of another model', () => {
  /** Puts part `index` of `other` in the place of the same part of a sound model. */
  async function swapped(index: number, other: string[]): Promise<{ paths: string[]; wrong: string }> {
    const paths = await splitModel();
    const wrong = paths[index] ?? '';
    copyFileSync(other[index] ?? '', wrong);
    return { paths, wrong };
  }

  async function expectRefused(
    { paths, wrong }: { paths: string[]; wrong: string },
    reason: string,
  ): Promise<void> {
    for (const given of paths) {
      const error = await failureAt(wrong, () => readGgufParts(given));
      expect(error).toMatchObject({ code: 'gguf-split', message: expect.stringContaining(reason) });
    }
  }

  it('with another number of tensors', async () => {
    const model = content();
    const other = await splitModel({ ...model, tensors: model.tensors.slice(0, -1) });
    await expectRefused(await swapped(1, other), 'split.tensors.count is 7, in');
  });

  it('with the same number of tensors, cut elsewhere: some twice', async () => {
    await expectRefused(await swapped(2, await splitModel(content(), [1, 3])), '"blk.1.ffn_up.weight" is in');
  });

  it('with the same number of tensors, cut elsewhere: some missing', async () => {
    const { paths } = await swapped(2, await splitModel(content(), [1, 5]));
    expect(await failureAt(paths[0] ?? '', readGgufParts)).toMatchObject({
      code: 'gguf-split',
      message: expect.stringContaining('the 3 parts have 7 tensors, split.tensors.count is 8'),
    });
  });

  it('of another width', async () => {
    const other = await splitModel(content(16), [1, 4]);
    await expectRefused(await swapped(2, other), '"blk.2.attn_norm.weight" has 16 elements');
  });

  it('of another byte order', async () => {
    const other = await splitModel({ ...content(), form: { version: 3, byteOrder: 'big' } });
    await expectRefused(await swapped(2, other), 'it is version 3, big-endian');
  });

  it.each([
    ['general.architecture', ggufString('qwen3')],
    ['general.name', ggufString('another')],
    ['llama.block_count', ggufU32(4)],
  ] as const)('that repeats another %s', async (key, value) => {
    const paths = await splitModel(content(8, { 'general.name': ggufString('one') }));
    const wrong = paths[2] ?? '';
    const split = {
      'split.no': ggufU16(2),
      'split.count': ggufU16(3),
      'split.tensors.count': ggufI32(names.length),
    };
    await writeGguf(wrong, { metadata: { ...split, [key]: value }, tensors: content().tensors.slice(5) });
    await expectRefused({ paths, wrong }, `${key} is ${value.value}, in ${paths[0]}`);
  });

  it('that is another part, or no part', async () => {
    const paths = await splitModel();
    const wrong = paths[2] ?? '';
    copyFileSync(paths[1] ?? '', wrong);
    for (const given of paths.slice(0, 2)) {
      const error = await failureAt(wrong, () => readGgufParts(given));
      expect(error.message).toContain('its name says part 3 of 3, its metadata part 2 of 3');
    }
    await writeGguf(wrong, content());
    const error = await failureAt(wrong, () => readGgufParts(paths[0] ?? ''));
    expect(error.message).toContain('its metadata has no split.count');
  });

  it('or a file that is none', async () => {
    const paths = await splitModel();
    folder.write(`${models}/model-00003-of-00003.gguf`, Buffer.alloc(100));
    expect(await failureAt(paths[2] ?? '', () => readGgufParts(paths[0] ?? ''))).toMatchObject({
      code: 'gguf-magic',
    });
  });
});

describe('split keys that make no sense', () => {
  it.each([
    ['a count of text', { 'split.count': ggufString('3') }, 'split.count is 3, allowed 1 to 65535'],
    ['a count of millions', { 'split.count': ggufU32(2_000_000) }, 'split.count is 2000000'],
    ['no index', { 'split.count': ggufU16(3) }, 'split.no is missing'],
    ['an index past the end', { 'split.count': ggufU16(3), 'split.no': ggufU16(3) }, 'allowed 0 to 2'],
    [
      'a negative number of tensors',
      { 'split.count': ggufU16(3), 'split.no': ggufU16(0), 'split.tensors.count': ggufI32(-1) },
      'split.tensors.count is -1',
    ],
  ])('%s', async (_, keys, text) => {
    const path = folder.path('keys-00001-of-00003.gguf');
    await writeGguf(path, content(8, keys));
    expect(await failure(path)).toMatchObject({ code: 'gguf-split', message: expect.stringContaining(text) });
  });

  it('no number of tensors', async () => {
    const paths = await splitModel();
    for (const [index, path] of paths.entries()) {
      const keys = { 'split.count': ggufU16(3), 'split.no': ggufU16(index) };
      const { tensors } = content();
      await writeGguf(path, {
        metadata: keys,
        tensors: [tensors[index]].filter((tensor) => tensor !== undefined),
      });
    }
    expect((await failure(paths[0] ?? '')).message).toContain('split.tensors.count is missing');
  });
});

describe('parts that cannot be written', () => {
  it('leave none behind', async () => {
    const model = content();
    const broken = model.tensors.map((tensor, i) =>
      i < 6
        ? tensor
        : {
            ...tensor,
            fill: () => {
              throw new Error('no data');
            },
          },
    );
    await expect(splitModel({ ...model, tensors: broken })).rejects.toThrow('no data');
    expect(await failure(folder.path(`${models}/model-00001-of-00003.gguf`))).toMatchObject({
      code: 'file-unreadable',
    });
  });
});
