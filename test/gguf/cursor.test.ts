// SPDX-License-Identifier: MIT
// Where a GGUF lies in its file, how much of it is read, and what happens when it changes meanwhile.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { NumashardError } from '../../src/errors.js';
import { Cursor } from '../../src/gguf/cursor.js';
import { encodeMetadata, encodeString, encodeU32, ggufU32 } from '../../src/gguf/encode.js';
import { readGguf } from '../../src/gguf/read-gguf.js';
import { craft, F32, forms, rawEntry, small, smallIn, u64, useFolder } from './craft.js';

const folder = useFolder();

describe('inside a larger file', () => {
  it.each(forms)('is found at its offset: version $version, $byteOrder-endian', async (form) => {
    const alone = await readGguf(folder.write('alone.gguf', craft(smallIn(form))));
    const path = folder.write('inside.bin', Buffer.concat([Buffer.alloc(96, 1), craft(smallIn(form))]));
    const inside = await readGguf(path, { startOffset: 96 });
    expect(inside.metadata).toEqual(alone.metadata);
    expect(inside.dataOffset).toBe(alone.dataOffset + 96);
    expect(
      inside.tensors.map((tensor) => ({ ...tensor, file: '', fileOffset: tensor.fileOffset - 96 })),
    ).toEqual(alone.tensors.map((tensor) => ({ ...tensor, file: '' })));
  });

  it('has its data where it has it alone, at an offset that is no multiple of the alignment', async () => {
    const alone = await readGguf(folder.write('alone.gguf', craft(small)));
    const path = folder.write('odd.bin', Buffer.concat([Buffer.alloc(41), craft(small)]));
    expect((await readGguf(path, { startOffset: 41 })).dataOffset).toBe(alone.dataOffset + 41);
  });

  it('says what is at an offset that is none', async () => {
    const path = folder.write('inside.bin', Buffer.concat([Buffer.alloc(96, 1), craft(small)]));
    const read = (startOffset: number) => readGguf(path, { startOffset });
    await expect(read(95)).rejects.toMatchObject({
      code: 'gguf-magic',
      message: expect.stringContaining('01 47 47 55, not 47 47 55 46'),
    });
    for (const offset of [-1, 0.5, 1e6])
      await expect(read(offset)).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringContaining(path),
      });
    const { size } = statSync(path);
    await expect(read(size)).rejects.toMatchObject({ code: 'gguf-truncated' });
  });
});

describe('a file that changes while it is read', () => {
  it('is refused by name when it became shorter', () => {
    const path = folder.write('shrunk.gguf', craft(small));
    const fd = openSync(path, 'r');
    const cursor = new Cursor(fd, path, 1000);
    cursor.skip(statSync(path).size - 4);
    expect(() => cursor.u64()).toThrow(
      expect.objectContaining({ code: 'file-changed', message: expect.stringContaining(path) }),
    );
    closeSync(fd);
  });

  it('is whole or refused, whatever the moment', async () => {
    const path = folder.write('changing.gguf', craft(small));
    // Truncates and restores it again and again, from a process of its own.
    const script = `const fs = require('fs'), whole = fs.readFileSync(process.argv[1]);
      for (const end = Date.now() + 300; Date.now() < end;) {
        fs.truncateSync(process.argv[1], Math.floor(Math.random() * whole.length));
        fs.writeFileSync(process.argv[1], whole);
      }`;
    const writer = spawn(process.execPath, ['-e', script, path]);
    let isDone = false;
    const ended = once(writer, 'exit').then(() => {
      isDone = true;
    });
    const outcomes = new Map<string, number>();
    while (!isDone) {
      const outcome = await readGguf(path).then(
        (file) => `${file.tensors.length} tensors`,
        (error: unknown) => (error instanceof NumashardError ? error.code : `${error}`),
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    await ended;
    const allowed = ['3 tensors', 'gguf-truncated', 'file-changed'];
    expect([...outcomes.keys()].filter((outcome) => !allowed.includes(outcome))).toEqual([]);
    expect(outcomes.size).toBeGreaterThan(1);
  });
});

describe('strings that are skipped', () => {
  it.each(forms)(
    'are stepped over whole, in and across windows: version $version, $byteOrder-endian',
    async (form) => {
      // Longer than a window, empty, and many that end on its edges.
      const lengths = [0, 300_000, 1, 0, 262_144, ...Array.from({ length: 70_000 }, (_, i) => i % 23)];
      const value = lengths.map((length) => 'x'.repeat(length));
      const metadata = [
        encodeMetadata('tokens', { type: 'array', elementType: 'string', value }, form),
        encodeMetadata('after', ggufU32(42), form),
      ];
      const file = await readGguf(folder.write('tokens.gguf', craft({ form, metadata })));
      expect(file.metadata.get('tokens')).toEqual({ elementType: 'string', length: lengths.length });
      expect(file.metadata.get('after')).toBe(42);
    },
  );
});

describe('a terabyte', () => {
  it('is read no further than one window past its header, however long it is', async () => {
    const tokens = Array.from({ length: 5000 }, (_, i) => encodeString(`token ${i}`));
    const arrays = [
      rawEntry('tokenizer.ggml.tokens', 9, encodeU32(8), u64(tokens.length), Buffer.concat(tokens)),
      rawEntry('tokenizer.ggml.scores', 9, encodeU32(6), u64(1e6), Buffer.alloc(4e6)),
    ];
    const tensors = [{ name: 'a.weight', shape: [2 ** 20, 2 ** 18], type: F32, offset: 0 }];
    const path = folder.write('terabyte.gguf', craft({ metadata: arrays, tensors }));
    const headerBytes = statSync(path).size;
    truncateSync(path, headerBytes + 2 ** 40);
    const before = readCharacters();
    await readGguf(path);
    const read = readCharacters() - before;
    const window = 256 * 1024;
    expect(read).toBeGreaterThan(50_000);
    // The header is 4 MB of numbers, which are skipped unread, and 70 KB of strings, which are walked through.
    expect(read).toBeLessThan(4 * window);
  });
});

/** Bytes that this process has asked the kernel to read, by its own account. */
function readCharacters(): number {
  return Number(/rchar: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}
