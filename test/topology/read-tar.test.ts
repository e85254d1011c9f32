// SPDX-License-Identifier: MIT
// Archives as the system's tar writes them, in all its formats; and archives that are damaged or mean harm.
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openArchive } from '../../src/topology/archive-root.js';
import { readTar } from '../../src/topology/read-tar.js';

const scratch = mkdtempSync(join(tmpdir(), 'numashard-tar-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const deep = `sys/${'a-long-name-of-a-folder/'.repeat(6)}file`;
const deeper = `sys/${'b'.repeat(200)}`;

beforeAll(() => {
  for (const path of ['sys/cpu/online', 'sys/empty', deep, deeper]) {
    mkdirSync(dirname(join(scratch, 'machine', path)), { recursive: true });
    writeFileSync(join(scratch, 'machine', path), path === 'sys/empty' ? '' : `${path}\n`.repeat(40));
  }
  symlinkSync('../cpu', join(scratch, 'machine/sys/cpu/link'));
  symlinkSync(`./${'x/../'.repeat(30)}cpu/online`, join(scratch, 'machine/sys/far'));
  mkdirSync(join(scratch, 'machine/sys/x'));
  linkSync(join(scratch, 'machine/sys/cpu/online'), join(scratch, 'machine/sys/hard'));
  symlinkSync('/etc/passwd', join(scratch, 'machine/sys/absolute'));
  symlinkSync('../../../etc/passwd', join(scratch, 'machine/sys/escape'));
  symlinkSync('loop', join(scratch, 'machine/sys/loop'));
  execFileSync('mkfifo', [join(scratch, 'machine/sys/pipe')]);
});

describe.each(['gnu', 'posix', 'ustar', 'oldgnu'])('format %s', (format) => {
  const openAll = () => {
    const excluded = format === 'ustar' ? [`--exclude=${'b'.repeat(200)}`, '--exclude=far'] : [];
    const words = ['-C', join(scratch, 'machine'), `--format=${format}`, ...excluded, '-c', '.'];
    return openArchive(readTar(execFileSync('tar', words)));
  };

  it('has every file, byte for byte, under its name', async () => {
    const { root, names } = openAll();
    expect(names).toEqual(['sys']);
    const listed = await root.list('sys');
    for (const path of ['sys/cpu/online', deep, ...(format === 'ustar' ? [] : [deeper])]) {
      expect(listed).toContain(path.split('/')[1]);
      expect(await root.readText(path)).toBe(`${path}\n`.repeat(40));
    }
    expect(await root.readText('sys/empty')).toBe('');
    expect(await root.list('sys/x')).toEqual([]);
    expect(await root.readText('sys/hard')).toBe(await root.readText('sys/cpu/online'));
  });

  it('follows links inside, and none that lead out, to themselves or nowhere', async () => {
    const { root } = openAll();
    expect(await root.readText('sys/cpu/link/link/online')).toMatch(/^sys\/cpu\/online\n/);
    if (format !== 'ustar') expect(await root.readText('sys/far')).toMatch(/^sys\/cpu\/online\n/);
    for (const path of [
      'absolute',
      'escape',
      'loop',
      'pipe',
      'none',
      'cpu',
      'empty/below',
      '../../sys/hard',
    ]) {
      expect(await root.readText(`sys/${path}`), path).toBeNull();
    }
    expect(await root.list('sys/empty')).toBeNull();
  });
});

describe('what is refused', () => {
  const archive = () => execFileSync('tar', ['-C', join(scratch, 'machine'), '-b', '1', '-c', 'sys/cpu']);

  it('says what it is not', () => {
    expect(() => readTar(Buffer.alloc(2048, 'x'))).toThrow('not a tar archive');
    const cut = archive().subarray(0, 1600);
    expect(() => readTar(cut)).toThrow('unexpected end of file in sys/cpu/online');
    const damaged = archive();
    damaged[512 + 5] = 0x7a;
    expect(() => readTar(damaged)).toThrow('damaged after sys/cpu');
    const words = ['-C', scratch, '-P', '--transform=s,^machine/sys/cpu/online,../outside,', '-c'];
    const escaping = readTar(execFileSync('tar', [...words, 'machine/sys/cpu/online']));
    expect(() => openArchive(escaping)).toThrow('../outside leads out of the archive');
  });

  it('ends, whatever the bytes', () => {
    const sound = archive();
    const change = fc.tuple(fc.nat({ max: 2047 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.boolean(), (changes, isRepaired) => {
        const bytes = Buffer.from(sound);
        for (const [at, value] of changes) bytes[at] = value;
        if (isRepaired)
          for (let at = 0; at + 512 <= 2048; at += 512) repairChecksum(bytes.subarray(at, at + 512));
        try {
          openArchive(readTar(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
          expect((error as Error).message).toMatch(
            /not a tar|damaged|end of file|is no size|sparse|more than|leads out/,
          );
        }
      }),
      { numRuns: 2000 },
    );
  });
});

function repairChecksum(header: Buffer): void {
  header.fill(0x20, 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}
