// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { craft, failureAt, small, useFolder } from './craft.js';

const folder = useFolder();

describe('what is no readable file', () => {
  it('says that there is none', async () => {
    expect(await failureAt(folder.path('absent.gguf'))).toMatchObject({
      code: 'file-unreadable',
      exitCode: 3,
    });
  });

  it('refuses a directory', async () => {
    mkdirSync(folder.path('directory'), { recursive: true });
    const error = await failureAt(folder.path('directory'));
    expect(error).toMatchObject({ code: 'not-a-regular-file', hint: expect.stringContaining('inside') });
    expect(error.message).toContain('a directory');
  });

  it('refuses a FIFO without waiting for a writer', async () => {
    execFileSync('mkfifo', [folder.path('fifo')]);
    const error = await failureAt(folder.path('fifo'));
    expect(error).toMatchObject({ code: 'not-a-regular-file', message: expect.stringContaining('a FIFO') });
  });

  it('refuses a device', async () => {
    expect(await failureAt('/dev/zero')).toMatchObject({ code: 'not-a-regular-file' });
  });

  it('says that permission is missing', async () => {
    const path = folder.path('secret.gguf');
    writeFileSync(path, craft(small));
    chmodSync(path, 0);
    chmodSync(dirname(path), 0o755);
    const error = await asNobody(() => failureAt(path));
    expect(error).toMatchObject({ code: 'file-unreadable', exitCode: 3 });
    expect(error.message).toContain('secret.gguf: permission denied');
  });
});

/** Root may read everything: asks as a user who may not. Others ask as themselves. */
async function asNobody<Result>(ask: () => Promise<Result>): Promise<Result> {
  if (process.getuid?.() !== 0) return ask();
  process.seteuid?.(65534);
  try {
    return await ask();
  } finally {
    process.seteuid?.(0);
  }
}
