// SPDX-License-Identifier: MIT
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { missingLabTools, runTool } from '../../src/lab/host-tools.js';

describe('missingLabTools', () => {
  it('names each package once', () => {
    const directory = mkdtempSync(join(tmpdir(), 'numashard-tools-'));
    try {
      const all = missingLabTools(['qemu-system-x86_64'], [directory]);
      expect(all).toContain('qemu-system-x86');
      expect(all).not.toContain('xfsprogs');
      expect(missingLabTools(['qemu-system-ppc64', 'mkfs.xfs'], [directory])).toEqual(
        expect.arrayContaining(['qemu-system-ppc', 'xfsprogs']),
      );
      expect(all.filter((name) => name === 'e2fsprogs')).toHaveLength(1);
      writeFileSync(join(directory, 'qemu-system-x86_64'), '', { mode: 0o755 });
      writeFileSync(join(directory, 'mke2fs'), '', { mode: 0o755 });
      writeFileSync(join(directory, 'tar'), '', { mode: 0o644 });
      const some = missingLabTools(['qemu-system-x86_64'], [directory]);
      expect(some).not.toContain('qemu-system-x86');
      expect(some).toContain('e2fsprogs');
      expect(some).toContain('tar');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('runTool', () => {
  it('reports what a failing program said, by its name and status', async () => {
    await expect(runTool('tar', ['-xf', '/no/such/archive'])).rejects.toMatchObject({
      code: 'lab-failed',
      message: expect.stringMatching(/^tar -xf .*: ended with \d+: .*No such file/s),
    });
  });

  it('feeds input and returns output, also when the input is not wanted', async () => {
    expect(await runTool('tar', ['--version'], { input: Buffer.alloc(1 << 20) })).toContain('tar');
  });
});
