// SPDX-License-Identifier: MIT
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeArchitecture, type ElfProgram, readElf } from '../../src/runtime/elf.js';

/** Also counts how far was read. */
function reading(bytes: Uint8Array) {
  let end = 0;
  const readAt = async (offset: number, byteLength: number) => {
    end = Math.max(end, offset + byteLength);
    return bytes.subarray(Math.min(offset, bytes.length), Math.min(offset + byteLength, bytes.length));
  };
  return { readAt, end: () => end };
}

const interpreter = '/lib/ld-odd.so.1';

/** A head, two program headers, the second PT_INTERP. */
function craft({ bits, isLittleEndian, machine }: Omit<ElfProgram, 'interpreter'>, type = 3): Uint8Array {
  const is64 = bits === 64;
  const [head, size] = is64 ? [64, 56] : [52, 32];
  const bytes = new Uint8Array(head + 2 * size + interpreter.length + 1);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, isLittleEndian ? 1 : 2]);
  const half = (at: number, value: number) => view.setUint16(at, value, isLittleEndian);
  const size_t = (at: number, value: number) =>
    is64 ? view.setBigUint64(at, BigInt(value), isLittleEndian) : view.setUint32(at, value, isLittleEndian);
  half(18, machine);
  size_t(is64 ? 32 : 28, head);
  half(is64 ? 54 : 42, size);
  half(is64 ? 56 : 44, 2);
  const second = head + size;
  view.setUint32(second, type, isLittleEndian);
  size_t(second + (is64 ? 8 : 4), head + 2 * size);
  size_t(second + (is64 ? 32 : 16), interpreter.length + 1);
  bytes.set(new TextEncoder().encode(interpreter), head + 2 * size);
  return bytes;
}

const forms = [
  { bits: 64, isLittleEndian: true, machine: 62 },
  { bits: 64, isLittleEndian: false, machine: 21 },
  { bits: 32, isLittleEndian: true, machine: 40 },
  { bits: 32, isLittleEndian: false, machine: 20 },
] as const;

it.each(forms)('reads $bits bits, little-endian $isLittleEndian', async (form) => {
  expect(await readElf(reading(craft(form)).readAt)).toEqual({ ...form, interpreter });
  expect(await readElf(reading(craft(form, 1)).readAt)).toEqual({ ...form, interpreter: null });
});

it.each(forms)('of a file of $bits bits cut anywhere, reads nothing', async (form) => {
  const bytes = craft(form);
  for (let length = 0; length < bytes.length; length++) {
    expect(await readElf(reading(bytes.subarray(0, length)).readAt), `${length}`).toBeNull();
  }
});

it('believes no field of a damaged head', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...forms),
      fc.array(fc.tuple(fc.nat(180), fc.nat(255)), { maxLength: 12 }),
      async (form, changes) => {
        const bytes = craft(form);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const { readAt } = reading(bytes);
        const lengths: number[] = [];
        const found = await readElf((offset, byteLength) => {
          lengths.push(byteLength);
          return readAt(offset, byteLength);
        });
        expect(Math.max(...lengths)).toBeLessThanOrEqual(65_536);
        expect(found?.interpreter?.length ?? 0).toBeLessThan(4096);
      },
    ),
    { numRuns: 2000 },
  );
});

it('names architectures', () => {
  expect(describeArchitecture({ bits: 64, isLittleEndian: true, machine: 62, interpreter: null })).toBe(
    'x86-64 (64 bits, little-endian)',
  );
  expect(describeArchitecture({ bits: 32, isLittleEndian: false, machine: 999, interpreter: null })).toMatch(
    /^machine 999/,
  );
});
