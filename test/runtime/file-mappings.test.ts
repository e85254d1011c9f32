// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { parseFileMappings, readFileMappings } from '../../src/runtime/file-mappings.js';

describe('parseFileMappings', () => {
  it('has the shared mappings of files, with offsets and names as they are', () => {
    const maps = [
      '7f0000000000-7f0000400000 r--s 00002000 fe:10 12                         /models/a model.gguf',
      '7f0000400000-7f0000500000 rw-s 00000000 00:01 1034                       /dev/shm/x\\\\012y',
    ].join('\n');
    expect(parseFileMappings(maps.replace('\\\\012', '\\012'))).toEqual([
      { start: 0x7f0000000000, end: 0x7f0000400000, fileOffset: 0x2000, path: '/models/a model.gguf' },
      { start: 0x7f0000400000, end: 0x7f0000500000, fileOffset: 0, path: '/dev/shm/x\ny' },
    ]);
  });

  it.each([
    ['a private mapping', '5600-5700 r-xp 00000000 fe:10 12      /usr/bin/llama-server'],
    ['anonymous memory', '5600-5700 rw-p 00000000 00:00 0 '],
    ['shared anonymous memory', '5600-5700 rw-s 00000000 00:01 7     /dev/zero (deleted)'],
    ['a deleted file', '5600-5700 r--s 00000000 fe:10 12      /models/model.gguf (deleted)'],
    ['half a line', '5600-5700 r--s 0000'],
    ['nothing', ''],
  ])('leaves out %s', (_what, line) => {
    expect(parseFileMappings(line)).toEqual([]);
  });
});

it('readFileMappings finds nothing for a process that is not there', async () => {
  // Above the kernel's limit (PID_MAX_LIMIT, 2^22).
  expect(await readFileMappings(4_194_305)).toEqual([]);
});
