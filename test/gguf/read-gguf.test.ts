// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NumashardError } from '../../src/errors.js';
import { encodeMetadata, encodeString, encodeU32, ggufString, ggufU32 } from '../../src/gguf/encode.js';
import { readGguf } from '../../src/gguf/read-gguf.js';
import {
  type Crafted,
  type CraftedTensor,
  craft,
  F32,
  failureAt,
  forms,
  Q8_0,
  rawEntry,
  small,
  smallIn,
  u64,
  useFolder,
} from './craft.js';

const folder = useFolder();

const failure = (bytes: Uint8Array) => failureAt(folder.write('bad.gguf', bytes));

function withTensor(tensor: Partial<CraftedTensor>, dataBytes = 64): Buffer {
  return craft({ tensors: [{ name: 'a.weight', shape: [8], type: F32, offset: 0, ...tensor }], dataBytes });
}

describe('what is no GGUF', () => {
  it.each([
    ['zip', 'PK\x03\x04 and the rest of it', 'zip'],
    ['a pickle', '\x80\x02}q\x00 and more', 'PyTorch'],
    ['safetensors', '\x10\x00\x00\x00\x00\x00\x00\x00{"__metadata__":', 'safetensors'],
    ['swapped bytes', 'FUGG\x00\x00\x00\x03', 'big-endian'],
    ['GGML', 'lmgg\x01\x00\x00\x00', 'before GGUF'],
    ['gzip', '\x1f\x8b\x08\x00', 'gzip'],
    ['a Git LFS pointer', 'version https://git-lfs', 'git lfs pull'],
    ['HTML', '<!DOCTYPE html><html>', 'web page'],
    ['zeros', '\0'.repeat(64), 'incomplete'],
    ['three wrong bytes', 'GGX', '.gguf'],
  ])('names %s', async (_, text, hint) => {
    const error = await failure(Buffer.from(text, 'latin1'));
    expect(error).toMatchObject({ code: 'gguf-magic', hint: expect.stringContaining(hint) });
  });

  it('names an empty file', async () => {
    expect(await failure(Buffer.alloc(0))).toMatchObject({ code: 'gguf-truncated' });
  });

  it.each([
    [0, 'version 0'],
    [4, 'version 4'],
    [0x04000000, 'version 4'],
    [0x00010000, 'version 256'],
  ])('refuses version %i', async (version, text) => {
    const error = await failure(craft({ version }));
    expect(error).toMatchObject({ code: 'gguf-version', message: expect.stringContaining(text) });
  });
});

describe('a file cut', () => {
  it.each(forms)('is refused at every length: version $version, $byteOrder-endian', async (form) => {
    const whole = craft(smallIn(form));
    for (let length = 0; length < whole.byteLength; length++) {
      expect((await failure(whole.subarray(0, length))).code, `cut at ${length}`).toBe('gguf-truncated');
    }
  });

  it('says where: in the metadata', async () => {
    const whole = craft(small);
    expect((await failure(whole.subarray(0, 110))).message).toContain('metadata, byte');
  });

  it('says where: in the data', async () => {
    const whole = craft(small);
    const { message } = await failure(whole.subarray(0, whole.byteLength - 1));
    expect(message).toContain('tensor data: tensor "output.weight" ends at byte 352 of the data, limit 351');
  });
});

describe('absurd numbers', () => {
  it.each([
    ['tensors', { tensorCount: 2n ** 64n - 1n }, 'gguf-limit'],
    ['tensors, within the limit but not within the file', { tensorCount: 100_000 }, 'gguf-truncated'],
    ['metadata entries', { metadataCount: 2n ** 40n }, 'gguf-limit'],
    ['a key', { metadata: [u64(2n ** 63n)] }, 'gguf-truncated'],
    ['a key that fits the file', { metadata: [encodeString('k'.repeat(70_000))] }, 'gguf-limit'],
    ['a string', { metadata: [rawEntry('k', 8, u64(2n ** 53n))] }, 'gguf-truncated'],
    ['an array', { metadata: [rawEntry('k', 9, encodeU32(0), u64(2n ** 62n))] }, 'gguf-limit'],
    ['an array of strings', { metadata: [rawEntry('k', 9, encodeU32(8), u64(10_000))] }, 'gguf-truncated'],
  ])('%s', async (_, content: Crafted, code) => {
    const bytes = Buffer.concat([craft(content), Buffer.alloc(64)]);
    expect((await failure(bytes)).code).toBe(code);
  });

  it.each(forms)('the largest that there is room for: version $version, $byteOrder-endian', async (form) => {
    const largest = form.version === 1 ? 2 ** 32 - 1 : 2n ** 64n - 1n;
    for (const content of [{ tensorCount: largest }, { metadataCount: largest }])
      expect(await failure(craft({ form, ...content }))).toMatchObject({ code: 'gguf-limit' });
    const length = form.version === 1 ? encodeU32(2 ** 32 - 1, form) : u64(2n ** 64n - 1n, form);
    const typed = [encodeString('k', form), encodeU32(8, form), length];
    for (const metadata of [[length], [Buffer.concat(typed)]])
      expect(await failure(craft({ form, metadata, dataBytes: 64 }))).toMatchObject({
        code: 'gguf-truncated',
      });
  });

  it('a string inside a skipped array', async () => {
    const strings = Array.from({ length: 2000 }, () => encodeString('token'));
    const value = [encodeU32(8), u64(2001), ...strings, u64(2n ** 33n)];
    expect((await failure(craft({ metadata: [rawEntry('k', 9, ...value)] }))).code).toBe('gguf-truncated');
  });
});

describe('wrong metadata', () => {
  it.each([
    ['an unknown type', [rawEntry('k', 13)], 'value type 13, limit 12'],
    ['an unknown element type', [rawEntry('k', 9, encodeU32(99), u64(0))], 'value type 99'],
    ['an array of arrays', [rawEntry('k', 9, encodeU32(9), u64(1))], 'array of arrays'],
    [
      'a key twice',
      [rawEntry('k', 0, Buffer.alloc(1)), rawEntry('k', 0, Buffer.alloc(1))],
      '"k" occurs twice',
    ],
    ['alignment 0', [encodeMetadata('general.alignment', ggufU32(0))], 'general.alignment is 0'],
    ['alignment 48', [encodeMetadata('general.alignment', ggufU32(48))], 'powers of two'],
    ['alignment 2^31', [encodeMetadata('general.alignment', ggufU32(2 ** 31))], '2147483648'],
    ['alignment as text', [encodeMetadata('general.alignment', ggufString('32'))], 'general.alignment is 32'],
  ])('%s', async (_, metadata, text) => {
    const error = await failure(Buffer.concat([craft({ metadata }), Buffer.alloc(64)]));
    expect(error).toMatchObject({ code: 'gguf-invalid', message: expect.stringContaining(text) });
  });
});

describe('wrong tensors', () => {
  it.each([
    ['five dimensions', withTensor({ shape: [1, 1, 1, 1, 1] }), 'gguf-limit', '5 dimensions, limit 4'],
    [
      'a dimension of 0',
      withTensor({ shape: [8, 0] }),
      'gguf-invalid',
      'dimension 1 of tensor "a.weight" is 0',
    ],
    ['a negative dimension', withTensor({ shape: [-8n] }), 'gguf-invalid', 'is -8'],
    ['dimensions that overflow', withTensor({ shape: [2 ** 40, 2 ** 40] }), 'gguf-invalid', 'overflows'],
    [
      'a row that is no whole block',
      withTensor({ shape: [33], type: Q8_0 }),
      'gguf-invalid',
      'multiple of 32',
    ],
    ['an unknown type', withTensor({ type: 43 }), 'gguf-tensor-type', 'unknown type 43'],
    ['a removed type', withTensor({ type: 31 }), 'gguf-tensor-type', 'q4_0_4_4'],
    ['an offset past the file', withTensor({ offset: 2n ** 63n }), 'gguf-tensor-range', 'starts at byte'],
    ['an end past the file', withTensor({ offset: 64 }), 'gguf-tensor-range', 'ends at byte 96'],
    ['an unaligned offset', withTensor({ offset: 8 }), 'gguf-invalid', 'alignment 32'],
    ['a name without end', withTensor({ name: 'n'.repeat(2000) }), 'gguf-limit', '2000 bytes, limit 1024'],
  ])('%s', async (_, bytes, code, text) => {
    expect(await failure(bytes)).toMatchObject({ code, message: expect.stringContaining(text) });
  });

  it('one name twice', async () => {
    const tensor = { name: 'a', shape: [8], type: F32, offset: 0 };
    const error = await failure(craft({ tensors: [tensor, { ...tensor, offset: 32 }], dataBytes: 64 }));
    expect(error).toMatchObject({
      code: 'gguf-invalid',
      message: expect.stringContaining('"a" occurs twice'),
    });
  });

  it.each([0, 32])('one over another, at %i', async (offset) => {
    const tensors = [
      { name: 'second', shape: [8], type: F32, offset },
      { name: 'first', shape: [16], type: F32, offset: 0 },
    ];
    expect((await failure(craft({ tensors, dataBytes: 64 }))).code).toBe('gguf-tensor-overlap');
  });
});

describe('a good file', () => {
  it.each(forms)('is read as it is: version $version, $byteOrder-endian', async (form) => {
    const path = folder.write('good.gguf', craft(smallIn(form)));
    const file = await readGguf(path);
    expect(file).toMatchObject({ path, ...form, alignment: 32 });
    expect(file.dataOffset % 32).toBe(0);
    expect(file.byteLength - file.dataOffset).toBe(352);
    expect([...file.metadata]).toEqual([
      ['general.architecture', 'llama'],
      ['llama.block_count', 1],
      ['general.tags', ['a', 'bc']],
    ]);
    expect(file.tensors.map(({ name, type, shape, byteLength }) => [name, type, shape, byteLength])).toEqual([
      ['blk.0.attn_norm.weight', 'f32', [8], 32],
      ['blk.0.attn_q.weight', 'q8_0', [64, 3], 204],
      ['output.weight', 'f32', [2, 3, 2, 2], 96],
    ]);
    expect(file.tensors.map(({ fileOffset }) => fileOffset - file.dataOffset)).toEqual([0, 32, 256]);
    expect(file.tensors.every((tensor) => tensor.file === path)).toBe(true);
  });

  it('may hold tensors in any order, a scalar, and gaps', async () => {
    const tensors = [
      { name: 'late', shape: [8], type: F32, offset: 128 },
      { name: 'scalar', shape: [], type: F32, offset: 0 },
    ];
    const file = await readGguf(folder.write('order.gguf', craft({ tensors, dataBytes: 160 })));
    expect(file.tensors.map(({ byteLength }) => byteLength)).toEqual([32, 4]);
  });

  it('may hold no tensors at all', async () => {
    const file = await readGguf(folder.write('vocabulary.gguf', craft({ metadata: small.metadata ?? [] })));
    expect(file.tensors).toEqual([]);
  });

  it('keeps the length of arrays that are too long, and of strings', async () => {
    const metadata = [
      rawEntry('numbers', 9, encodeU32(4), u64(5), Buffer.alloc(20)),
      rawEntry(
        'strings',
        9,
        encodeU32(8),
        u64(5),
        ...['', 'a', 'b', 'cc', 'd'].map((text) => encodeString(text)),
      ),
      rawEntry('text', 8, encodeString('x'.repeat(2 ** 20 + 1))),
      encodeMetadata('after', ggufU32(42)),
    ];
    const file = await readGguf(folder.write('long.gguf', craft({ metadata })), { maxArrayLength: 4 });
    expect(Object.fromEntries(file.metadata)).toEqual({
      numbers: { elementType: 'uint32', length: 5 },
      strings: { elementType: 'string', length: 5 },
      text: { elementType: 'utf8', length: 2 ** 20 + 1 },
      after: 42,
    });
  });

  it('gives long arrays to those who ask for them', async () => {
    const value = Array.from({ length: 2000 }, (_, i) => `token ${i}`);
    const metadata = [encodeMetadata('tokens', { type: 'array', elementType: 'string', value })];
    const path = folder.write('asked.gguf', craft({ metadata }));
    expect((await readGguf(path)).metadata.get('tokens')).toEqual({ elementType: 'string', length: 2000 });
    const { metadata: all } = await readGguf(path, { maxArrayLength: Number.POSITIVE_INFINITY });
    expect(all.get('tokens')).toEqual(value);
  });
});

it.each(forms)('any bytes changed anywhere: a file, or our error, and never another (%o)', async (form) => {
  const whole = craft(smallIn(form));
  const change = fc.tuple(fc.nat(whole.byteLength - 1), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      const bytes = Buffer.from(whole);
      for (const [offset, value] of changes) bytes[offset] = value;
      const outcome = await readGguf(folder.write('changed.gguf', bytes)).catch((error: unknown) => error);
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(NumashardError);
    }),
    { numRuns: 120 },
  );
});
