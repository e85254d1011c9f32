// SPDX-License-Identifier: MIT
// The first bytes of a GGUF: magic, version, byte order, counts; and what a file that is none may be instead.
// Source of truth: ggml's docs/gguf.md.
import type { Cursor } from './cursor.js';
import { type GgufForm, type GgufVersion, sizeBytesOf } from './form.js';
import {
  MAX_METADATA_ENTRIES,
  MAX_TENSORS,
  MIN_METADATA_VALUE_BYTES,
  MIN_TENSOR_INFO_BYTES,
} from './limits.js';

export interface GgufHeader extends GgufForm {
  readonly tensorCount: number;
  readonly metadataCount: number;
}

const MAGIC = 'GGUF';

/** Sets the cursor's byte order and the width of its counts for everything that follows. */
export function readHeader(cursor: Cursor): GgufHeader {
  checkMagic(cursor);
  const version = readVersion(cursor);
  cursor.sizeBytes = sizeBytesOf(version);
  const tensorCount = readCount(cursor, 'number of tensors', MAX_TENSORS, MIN_TENSOR_INFO_BYTES);
  const metadataCount = readCount(
    cursor,
    'number of metadata entries',
    MAX_METADATA_ENTRIES,
    MIN_METADATA_VALUE_BYTES,
  );
  return { version, byteOrder: cursor.littleEndian ? 'little' : 'big', tensorCount, metadataCount };
}

function checkMagic(cursor: Cursor): void {
  const position = cursor.position;
  const length = Math.min(16, cursor.remaining);
  if (length === 0) {
    const where = position === 0 ? 'the file is empty' : 'nothing is there: the file ends';
    throw cursor.error('gguf-truncated', where, position, 'fetch the model again');
  }
  const start: number[] = [];
  while (start.length < Math.min(4, length)) start.push(cursor.u8());
  const magic = String.fromCharCode(...start);
  if (magic === MAGIC) return;
  // A file shorter than its magic is cut only if what is there fits.
  if (start.length < 4 && MAGIC.startsWith(magic)) cursor.skip(4);
  while (start.length < length) start.push(cursor.u8());
  const shown = start.slice(0, 4).map((byte) => byte.toString(16).padStart(2, '0'));
  throw cursor.error(
    'gguf-magic',
    `not a GGUF file: it starts with ${shown.join(' ')}, not 47 47 55 46 ("GGUF")`,
    position,
    hintForStart(String.fromCharCode(...start)),
  );
}

const CONVERT = "convert it with llama.cpp's convert_hf_to_gguf.py";

function hintForStart(start: string): string {
  if (start.startsWith('FUGG'))
    return 'this looks like GGUF with its bytes swapped (big-endian); convert it again';
  if (start.startsWith('PK\x03\x04')) return `this is a zip archive or a PyTorch checkpoint; ${CONVERT}`;
  if (start.startsWith('\x80') && start.charCodeAt(1) <= 5) return `this is a PyTorch checkpoint; ${CONVERT}`;
  if (start.charAt(8) === '{') return `this looks like safetensors; ${CONVERT}`;
  if (/^(lmgg|fmgg|tjgg|algg)/.test(start))
    return 'this is a GGML file from before GGUF; convert the model again';
  if (start.startsWith('\x1f\x8b')) return 'this is gzip; decompress it first';
  if (start.startsWith('version http')) return 'this is a Git LFS pointer; run git lfs pull';
  if (/^\s*<(!doctype|html)/i.test(start))
    return 'this is a web page: the download link led to a page, not to the file';
  if (/^\0*$/.test(start)) return 'the start of the file is all zeros: the download is incomplete';
  return 'name a .gguf file';
}

function readVersion(cursor: Cursor): GgufVersion {
  const offset = cursor.position;
  const read = cursor.u32();
  // The magic reads the same in both byte orders; a version in the upper half means the other one (gguf.cpp).
  cursor.littleEndian = read === 0 || (read & 0xffff) !== 0;
  const version = cursor.littleEndian ? read : ((read >>> 24) | ((read >>> 8) & 0xff00)) >>> 0;
  if (version === 1 || version === 2 || version === 3) return version;
  throw cursor.error(
    'gguf-version',
    `GGUF version ${version} is not known, only versions 1 to 3`,
    offset,
    'the file is broken, or made for a newer llama.cpp: update numashard',
  );
}

/** `infoBytes`: the least that an entry has after the length of its name. */
function readCount(cursor: Cursor, what: string, limit: number, infoBytes: number): number {
  const offset = cursor.position;
  const count = cursor.count(what, limit);
  const entryBytes = cursor.sizeBytes + infoBytes;
  if (count * entryBytes > cursor.remaining) {
    throw cursor.error(
      'gguf-truncated',
      `${what} is ${count}, which needs at least ${count * entryBytes} bytes; ${cursor.remaining} are left`,
      offset,
      'the download or copy is incomplete; fetch it again',
    );
  }
  return count;
}
