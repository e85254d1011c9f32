// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
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

  it.skipIf(process.getuid?.() === 0)('says that permission is missing', async () => {
    writeFileSync(folder.path('secret.gguf'), craft(small));
    chmodSync(folder.path('secret.gguf'), 0);
    const error = await failureAt(folder.path('secret.gguf'));
    expect(error).toMatchObject({ code: 'file-unreadable', message: expect.stringContaining('permission') });
  });
});
