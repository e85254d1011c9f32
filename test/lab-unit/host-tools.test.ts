// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missingLabTools, runTool, searchToolsIn, toolPath } from '../../src/lab/host-tools.js';
import { numashard } from '../cli/numashard.js';

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

describe('a tool', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'numashard-tools-'));
  });
  afterEach(() => {
    searchToolsIn(undefined);
    rmSync(directory, { recursive: true });
  });

  const script = (name: string, text: string) =>
    writeFileSync(join(directory, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });

  it('is taken from PATH before the system’s folders, and is then not missing', async () => {
    script('mkfs.xfs', 'echo "from PATH: $*"');
    script('tar', 'echo "not the system’s"');
    expect(toolPath('tar')).not.toContain(directory);
    searchToolsIn(`/no/such/folder::${directory}`);
    expect(missingLabTools(['mkfs.xfs'])).not.toContain('xfsprogs');
    expect(toolPath('mkfs.xfs')).toBe(join(directory, 'mkfs.xfs'));
    expect(await runTool('mkfs.xfs', ['-q', 'image'])).toBe('from PATH: -q image\n');
    expect(await runTool('tar', [])).toBe('not the system’s\n');
  });

  it('is found in the system’s folders where PATH has none, no program, or is relative', () => {
    const system = toolPath('tar');
    expect(system).toMatch(/^\/.*bin\/tar$/);
    mkdirSync(join(directory, 'tar'));
    mkdirSync(join(directory, 'bin'));
    writeFileSync(join(directory, 'bin', 'tar'), '', { mode: 0o644 });
    for (const path of [undefined, '', '.:bin', directory, join(directory, 'bin')]) {
      searchToolsIn(path);
      expect(toolPath('tar'), path).toBe(system);
    }
  });

  it.skipIf(missingLabTools(['qemu-system-x86_64']).length > 0)(
    'of a user’s PATH is the one that `lab run` takes (needs what the lab needs)',
    () => {
      script('mke2fs', 'echo "mke2fs from PATH" >&2; exit 1');
      writeFileSync(join(directory, 'model.gguf'), 'GGUF');
      const { exitCode, stderr } = numashard(
        ['lab', 'run', '--model', join(directory, 'model.gguf'), '--', 'true'],
        { PATH: `${directory}:${process.env['PATH']}`, XDG_CACHE_HOME: join(directory, 'cache') },
      );
      expect(stderr).toMatch(/^error: mke2fs .*: ended with 1: mke2fs from PATH$/m);
      expect(exitCode).toBe(125);
    },
  );
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
