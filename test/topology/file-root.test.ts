// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { directoryRoot } from '../../src/topology/file-root.js';

describe('directoryRoot', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'numashard-root-'));
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));
  mkdirSync(join(scratch, 'root/sys/a'), { recursive: true });
  writeFileSync(join(scratch, 'outside'), 'secret');
  writeFileSync(join(scratch, 'root/sys/a/online'), Buffer.from([0x30, 0xff, 0x00]));
  writeFileSync(join(scratch, 'root/sys/a/large'), 'x'.repeat(300_000));
  symlinkSync('../../../outside', join(scratch, 'root/sys/a/escape'));
  symlinkSync('../../..', join(scratch, 'root/sys/a/up'));
  symlinkSync('a', join(scratch, 'root/sys/inside'));
  const root = directoryRoot(join(scratch, 'root'));

  it('reads one character per byte', async () => {
    expect(await root.readText('sys/a/online')).toBe('0\u00ff\0');
  });

  it('follows links inside the root and none that leave it', async () => {
    expect(await root.readText('sys/inside/online')).toBe('0\u00ff\0');
    expect(await root.readText('sys/a/escape')).toBeNull();
    expect(await root.list('sys/a/up')).toBeNull();
    expect(await root.readText('../outside')).toBeNull();
  });

  it('has null for what is absent, a directory, or a pipe', async () => {
    execFileSync('mkfifo', [join(scratch, 'root/sys/a/pipe')]);
    expect(await root.readText('sys/b')).toBeNull();
    expect(await root.list('sys/b')).toBeNull();
    expect(await root.readText('sys/a')).toBeNull();
    expect(await root.readText('sys/a/pipe')).toBeNull();
    expect(await directoryRoot(join(scratch, 'absent')).readText('sys')).toBeNull();
  });

  it('refuses a file larger than any kernel file, saying how large is too large', async () => {
    await expect(root.readText('sys/a/large')).rejects.toThrow('larger than 262144 bytes');
  });

  it('lists names in order', async () => {
    expect(await root.list('sys')).toEqual(['a', 'inside']);
  });
});
