// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareModelImages, prepareProjectImage } from '../../src/lab/host-images.js';
import { missingLabTools, searchToolsIn, toolPath } from '../../src/lab/host-tools.js';
import type { LabProgress } from '../../src/lab/progress.js';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'numashard-images-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe('prepareModelImages', () => {
  it('refuses models that the machine could not tell apart, name, hold or read', async () => {
    const prepare = (...models: string[]) => prepareModelImages(models, 'ext4', directory);
    await expect(prepare('a/m.gguf', 'b/m.gguf')).rejects.toThrow(/two model files are named m\.gguf/);
    await expect(prepare('a/m"x.gguf')).rejects.toThrow(/m\\"x\.gguf/);
    await expect(prepare(...Array.from({ length: 25 }, (_, index) => `m${index}`))).rejects.toThrow(
      /at most 24/,
    );
    await expect(prepare(join(directory, 'none.gguf'))).rejects.toMatchObject({ code: 'file-unreadable' });
  });
});

searchToolsIn(process.env['PATH']);
const missing = missingLabTools([]);
describe.skipIf(missing.includes('e2fsprogs'))('images (needs e2fsprogs)', () => {
  it('of a model holds its bytes, is kept, and follows a change', async () => {
    const path = join(directory, 'm.gguf');
    const bytes = Buffer.alloc(3_000_001, 'weights');
    writeFileSync(path, bytes);
    const [first = ''] = await prepareModelImages([path], 'ext4', directory);
    expect(fileInImage(first, 'm.gguf').equals(bytes)).toBe(true);
    expect(await prepareModelImages([path], 'ext4', directory)).toEqual([first]);
    utimesSync(path, 1, 1);
    expect(await prepareModelImages([path], 'ext4', directory)).not.toEqual([first]);
  });

  it.skipIf(missingLabTools(['mkfs.xfs']).includes('xfsprogs'))(
    'of a model for XFS is refused where mkfs.xfs would cut it short (needs xfsprogs)',
    async () => {
      const path = join(directory, 'm.gguf');
      writeFileSync(path, '');
      truncateSync(path, 2 ** 31);
      await expect(prepareModelImages([path], 'xfs', directory)).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringMatching(/m\.gguf has 2147483648 bytes.* up to 2147483647/),
      });
    },
  );

  it('of the project holds what running it takes, and nothing else', async () => {
    const project = join(directory, 'project');
    for (const part of ['dist/cli', 'src', 'node_modules/dep', 'node_modules/dev']) {
      mkdirSync(join(project, part), { recursive: true });
      writeFileSync(join(project, part, 'file'), part);
    }
    writeFileSync(join(project, 'package.json'), JSON.stringify({ dependencies: { dep: '1' } }));
    const image = await prepareProjectImage(project, 'x86-64', directory);
    expect(fileInImage(image, 'dist/cli/file').toString()).toBe('dist/cli');
    expect(fileInImage(image, 'node_modules/dep/file').toString()).toBe('node_modules/dep');
    expect(fileInImage(image, 'src/file')).toHaveLength(0);
    expect(fileInImage(image, 'node_modules/dev/file')).toHaveLength(0);
    expect(await prepareProjectImage(project, 'x86-64', directory)).toBe(image);

    const said: LabProgress[] = [];
    const prepare = () =>
      prepareProjectImage(project, 'ppc64le', directory, (progress) => said.push(progress));
    await prepare();
    expect(said).toContainEqual({
      step: 'warning',
      message: expect.stringMatching(/^native\/build-ppc64le is missing/),
      hint: expect.stringContaining('apt-get install gcc-powerpc64le-linux-gnu'),
    });
    mkdirSync(join(project, 'native/build-ppc64le'), { recursive: true });
    writeFileSync(join(project, 'native/build-ppc64le/part'), 'for POWER');
    said.length = 0;
    expect(fileInImage(await prepare(), 'native/build/part').toString()).toBe('for POWER');
    expect(said.map(({ step }) => step)).toEqual(['build']);

    writeFileSync(join(project, 'dist/cli/file'), 'longer than before');
    const next = await prepareProjectImage(project, 'x86-64', directory);
    expect(fileInImage(next, 'dist/cli/file').toString()).toBe('longer than before');
  });
});

/** The bytes of a file in an ext4 image; none if it is not there. */
function fileInImage(image: string, path: string): Buffer {
  const copy = join(directory, 'copy');
  writeFileSync(copy, '');
  execFileSync(toolPath('debugfs'), ['-R', `dump /${path} ${copy}`, image], { stdio: 'ignore' });
  return readFileSync(copy);
}
