// SPDX-License-Identifier: MIT
// What numashard knows of GGUF against the libraries that llama.cpp reads it with: every tensor type, files that it
// writes and reads, every name that a tensor can have.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EncodableValue, ggufString, ggufU32 } from '../../../src/gguf/encode.js';
import type { GgufForm } from '../../../src/gguf/form.js';
import { readGguf } from '../../../src/gguf/read-gguf.js';
import { removedTensorTypeName, tensorTypeById, tensorTypes } from '../../../src/gguf/tensor-types.js';
import { writeGguf } from '../../../src/gguf/write-gguf.js';
import { writeGgufParts } from '../../../src/gguf/write-parts.js';
import { classifyTensor } from '../../../src/model/classify-tensor.js';
import { craft, forms, small } from '../../gguf/craft.js';
import { type AskGgml, openGgml } from './ask-ggml.js';

const folder = mkdtempSync(join(tmpdir(), 'numashard-ggml-'));
let ggml: AskGgml;

beforeAll(async () => {
  ggml = await openGgml();
});

afterAll(() => {
  ggml?.close();
  rmSync(folder, { recursive: true });
});

describe('tensor types', () => {
  it('are those of the library: each id up to GGML_TYPE_COUNT, with its name and the size of its block', () => {
    const count = typeCount();
    expect(count).toBeGreaterThan(40);
    const known = Array.from({ length: count }, (_, id) => {
      const type = tensorTypeById(id);
      // ggml has an entry without a size for what it removed.
      return type ? [id, type.blockBytes, type.blockSize, type.name] : [id, 0, 0, removedTensorTypeName(id)];
    });
    const asked = ggml.ask('types', `${count}`).lines.slice(0, count);
    const theirs = asked.map(([id, bytes, size, name]) => [
      Number(id),
      Number(bytes),
      Number(size),
      Number(size) === 0 ? removedTensorTypeName(Number(id)) : name,
    ]);
    expect(theirs).toEqual(known);
    expect(tensorTypeById(count), 'a type that this ggml lacks').toBeUndefined();
  });

  /** The library tells it in the error for a type that it does not have. */
  function typeCount(): number {
    const path = write(
      'type.gguf',
      craft({ tensors: [{ name: 'a', shape: [8], type: 9999, offset: 0 }], dataBytes: 32 }),
    );
    const { status, stderr } = ggml.ask('read', path, '0');
    expect(status).toBe(1);
    return Number(/invalid ggml type 9999\. should be in \[0, (\d+)\)/.exec(stderr)?.[1]);
  }
});

const metadata: Readonly<Record<string, EncodableValue>> = {
  'general.architecture': ggufString('llama'),
  'llama.block_count': ggufU32(1),
  flags: { type: 'array', elementType: 'bool', value: [true, false] },
  words: { type: 'array', elementType: 'string', value: ['a', '', 'ü'] },
  small: { type: 'int8', value: -1 },
  large: { type: 'uint64', value: 2n ** 63n },
};

/** One of every type, of three rows of two blocks. */
const everyType = tensorTypes.map(({ name, blockSize }) => ({
  name: `blk.0.${name}.weight`,
  type: name,
  shape: [2 * blockSize, 3],
  fill: (buffer: Uint8Array) => buffer.fill(1),
}));

describe('a file that we write', () => {
  it.each([2, 3] as const)('is to ggml what it is to us: version %i', async (version) => {
    for (const alignment of [8, 32, 4096]) {
      const path = join(folder, `v${version}-${alignment}.gguf`);
      const form: GgufForm = { version, byteOrder: 'little' };
      await writeGguf(path, { metadata, tensors: everyType, alignment, form });
      await expectSame(path, 0);
    }
  });

  it('in parts, too', async () => {
    const paths = await writeGgufParts(join(folder, 'parts'), { metadata, tensors: everyType }, [0, 10]);
    for (const path of paths) await expectSame(path, 0);
  });

  it.each(forms.filter(({ version, byteOrder }) => version === 1 || byteOrder === 'big'))(
    'of a form that this ggml refuses is read by us alone: version $version, $byteOrder-endian',
    async (form) => {
      const path = join(folder, 'other.gguf');
      await writeGguf(path, { metadata, tensors: everyType, form });
      expect(ggml.ask('read', path, '0').status).toBe(1);
      expect((await readGguf(path)).tensors).toHaveLength(everyType.length);
    },
  );
});

describe('a GGUF inside a larger file', () => {
  it.each([0, 32, 4096, 40, 7])('lies for ggml where it lies for us, at byte %i', async (offset) => {
    const whole = Buffer.concat([Buffer.alloc(offset, 1), craft(small)]);
    await expectSame(write('inside.bin', whole), offset);
  });
});

async function expectSame(path: string, offset: number): Promise<void> {
  const { status, lines, stderr } = ggml.ask('read', path, `${offset}`);
  expect(status, stderr).toBe(0);
  const ours = await readGguf(path, { startOffset: offset });
  const values = (what: string) => lines.filter(([first]) => first === what).map(([, ...rest]) => rest);
  expect(values('version')).toEqual([[`${ours.version}`]]);
  expect(values('alignment')).toEqual([[`${ours.alignment}`]]);
  expect(values('key').flat()).toEqual([...ours.metadata.keys()]);
  expect(values('tensor')).toEqual(
    ours.tensors.map(({ name, type, byteLength, fileOffset }) => {
      const id = tensorTypes.find((known) => known.name === type)?.id ?? -1;
      return [name, `${id}`, `${byteLength}`, `${fileOffset}`];
    }),
  );
}

describe('names of tensors', () => {
  it('of a block have a role: what is attention, feed-forward or recurrent by its name, as that', () => {
    const names = namesIn(readFileSync(join(ggml.libraries, 'libllama.so.0'), 'latin1'));
    expect(names.length).toBeGreaterThan(180);
    const roles = new Map(
      names.map((name) => [name, classifyTensor(`${name.replaceAll('%d', '3')}.weight`)]),
    );
    for (const [name, { layer, role }] of roles) {
      expect(layer, name).toBe(3);
      const [, kind] =
        /^(?:enc\.|dec\.)?blk\.%d\.(?:cross_)?(attn|ffn|ssm|time_mix|indexer)[._]/.exec(name) ?? [];
      if (kind !== undefined) expect(allowed[kind], `${name} is ${role}`).toContain(role);
      if (name.includes('norm')) expect(role, name).toBe('norm');
    }
    // Those that are none of these: hyper-connections, AltUp, per-layer embeddings.
    const others = [...roles.values()].filter(({ role }) => role === 'other').length;
    expect(others).toBeLessThan(names.length / 5);
  });

  const allowed: Readonly<Record<string, readonly string[]>> = {
    attn: ['attn', 'norm'],
    indexer: ['attn', 'norm'],
    ffn: ['ffn', 'experts', 'shared', 'router', 'norm'],
    ssm: ['ssm', 'norm'],
    time_mix: ['ssm', 'norm'],
  };

  /** As llama-arch.cpp has them. Short ones may be folded into instructions and not be found. */
  function namesIn(library: string): string[] {
    const found = library.matchAll(/(?<![\x20-\x7e])(?:enc\.|dec\.)?blk\.%d\.[\w.%]+(?=\0)/g);
    return [...new Set([...found].map(([name]) => name))];
  }
});

function write(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}
