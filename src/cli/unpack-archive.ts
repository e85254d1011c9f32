// SPDX-License-Identifier: MIT
// Unpacks a recorded machine with the system's tar, which itself refuses absolute names and "..".
import { type ChildProcess, spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { NumashardError } from '../errors.js';

/** A hundred times the largest recording known (1.4 MB): an archive is untrusted and may be a bomb. */
const maxUnpackedByteLength = 128 << 20;

/** Throws `topology-unreadable` for what is no .tar or .tar.gz, or is too large. */
export async function unpackArchive(path: string, directory: string): Promise<void> {
  const source = createReadStream(path);
  const plain = (await isGzip(path)) ? [createGunzip()] : [];
  const tar = spawn('tar', ['-x', '--no-same-owner', '-C', directory], { stdio: ['pipe', 'ignore', 'pipe'] });
  const complaint = complaintOf(tar);
  const broken = await pipeline([source, ...plain, refuseLong(path), tar.stdin]).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  );
  const said = await complaint;
  if (broken instanceof NumashardError) throw broken;
  // Of a tar that ended early, for a reason or because it saw the archive's end, we only see a broken pipe.
  const isPipe = broken?.code === 'EPIPE' || broken?.code === 'ERR_STREAM_PREMATURE_CLOSE';
  const reason = broken && !isPipe ? broken.message : said;
  if (reason !== null) throw unreadable(path, reason, broken);
  // Recorded sysfs directories are often read-only; they have to be searched and removed.
  await complaintOf(spawn('chmod', ['-R', 'u+rwX', directory], { stdio: ['ignore', 'ignore', 'pipe'] }));
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.readUInt16BE() === 0x1f8b;
  } finally {
    await file.close();
  }
}

function refuseLong(path: string): Transform {
  let byteLength = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      byteLength += chunk.length;
      if (byteLength <= maxUnpackedByteLength) done(null, chunk);
      else done(unreadable(path, `unpacks to more than ${maxUnpackedByteLength} bytes, no recording does`));
    },
  });
}

/** What a program had to say when it failed; null if it did not. */
function complaintOf(child: ChildProcess): Promise<string | null> {
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(0, 1000);
  });
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code) => resolve(code === 0 ? null : said.trim().split('\n')[0] || 'tar failed'));
  });
}

function unreadable(path: string, reason: string, cause?: unknown): NumashardError {
  return new NumashardError('topology-unreadable', `${path}: ${reason}`, {
    cause,
    hint: 'a machine is a directory that holds sys and proc, or a .tar.gz of it',
  });
}
