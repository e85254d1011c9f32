// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { cpioArchive } from '../../src/lab/cpio.js';

describe('cpioArchive', () => {
  const archive = cpioArchive([
    { path: 'bin', mode: 0o40755 },
    { path: 'bin/five', mode: 0o100755, data: Buffer.from('12345') },
    { path: 'dev/console', mode: 0o20600, device: [5, 1] },
    { path: 'empty', mode: 0o100644 },
  ]);

  it('is what the kernel document describes, field by field', () => {
    expect(readArchive(archive)).toEqual([
      { path: 'bin', mode: 0o40755, data: '', device: [0, 0] },
      { path: 'bin/five', mode: 0o100755, data: '12345', device: [0, 0] },
      { path: 'dev/console', mode: 0o20600, data: '', device: [5, 1] },
      { path: 'empty', mode: 0o100644, data: '', device: [0, 0] },
    ]);
  });

  it('gives every entry an inode number of its own: equal ones would be hard links', () => {
    const inodes = [...archive.toString('latin1').matchAll(/070701([0-9a-f]{8})/g)].map((match) => match[1]);
    expect(new Set(inodes).size).toBe(5);
  });

  it('counts bytes and not characters of a name', () => {
    expect(readArchive(cpioArchive([{ path: 'ü', mode: 0o100644, data: Buffer.from('x') }]))).toMatchObject([
      { path: 'ü', data: 'x' },
    ]);
  });
});

/** A reader written from buffer-format.rst, on its own. */
function readArchive(bytes: Buffer) {
  const entries = [];
  for (let at = 0; ; ) {
    expect(bytes.toString('latin1', at, at + 6)).toBe('070701');
    const field = (index: number) =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16);
    const [mode, byteLength, major, minor, nameByteLength] = [1, 6, 9, 10, 11].map(field) as number[];
    const nameAt = at + 110;
    const path = bytes.toString('utf8', nameAt, nameAt + (nameByteLength as number) - 1);
    if (path === 'TRAILER!!!') return entries;
    const dataAt = Math.ceil((nameAt + (nameByteLength as number)) / 4) * 4;
    const end = dataAt + (byteLength as number);
    entries.push({ path, mode, data: bytes.toString('utf8', dataAt, end), device: [major, minor] });
    at = Math.ceil(end / 4) * 4;
  }
}
