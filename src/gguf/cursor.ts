// SPDX-License-Identifier: MIT
// Reads a file front to back through one small window, so that a header is parsed without loading the file.
// Every length is held against the rest of the file before it is used; errors name file and byte offset.
import { readSync } from 'node:fs';
import { type ErrorCode, NumashardError } from '../errors.js';
import { refuse } from './open-file.js';

/** One read of this size holds most headers but for their vocabulary; larger windows measured no faster. */
const WINDOW_BYTES = 256 * 1024;

export const CHANGED_HINT = 'wait until the download or copy is complete, then try again';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class Cursor {
  readonly path: string;
  readonly byteLength: number;
  /** Where the GGUF begins in the file; positions are counted from the file's start. */
  readonly start: number;
  /** What is being read, for error messages: "header", "metadata", "tensor table". */
  section = 'header';
  littleEndian = true;
  /** Of counts, lengths and dimensions: 4 in version 1, 8 since. */
  sizeBytes: 4 | 8 = 8;

  readonly #fd: number;
  #bytes: Uint8Array;
  #view: DataView;
  #windowStart = 0;
  #windowLength = 0;
  #position = 0;

  /** `start` is at most `byteLength`. */
  constructor(fd: number, path: string, byteLength: number, start = 0) {
    this.#fd = fd;
    this.path = path;
    this.byteLength = byteLength;
    this.start = start;
    this.#position = start;
    this.#bytes = new Uint8Array(Math.min(WINDOW_BYTES, byteLength - start));
    this.#view = new DataView(this.#bytes.buffer);
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.byteLength - this.#position;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  i8(): number {
    return this.#view.getInt8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2), this.littleEndian);
  }
  i16(): number {
    return this.#view.getInt16(this.#take(2), this.littleEndian);
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), this.littleEndian);
  }
  i32(): number {
    return this.#view.getInt32(this.#take(4), this.littleEndian);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), this.littleEndian);
  }
  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8), this.littleEndian);
  }
  f32(): number {
    return this.#view.getFloat32(this.#take(4), this.littleEndian);
  }
  f64(): number {
    return this.#view.getFloat64(this.#take(8), this.littleEndian);
  }

  /** A dimension; negative only where a file is broken. */
  dimension(): bigint {
    return this.sizeBytes === 4 ? BigInt(this.u32()) : this.i64();
  }

  /** A count or length that must not exceed `limit`. */
  count(what: string, limit: number): number {
    const offset = this.#position;
    const value = this.sizeBytes === 4 ? this.u32() : this.u64();
    if (value > BigInt(limit)) {
      throw this.error('gguf-limit', `${what} is ${value}, limit ${limit}`, offset);
    }
    return Number(value);
  }

  /** A string of at most `limit` bytes, or its length alone if it is longer. */
  string(limit: number): string | number {
    const byteLength = this.#stringLength();
    if (byteLength > limit) {
      this.skip(byteLength);
      return byteLength;
    }
    const start = this.#take(byteLength);
    return decoder.decode(this.#bytes.subarray(start, start + byteLength));
  }

  skip(byteLength: number): void {
    if (byteLength > this.remaining) throw this.#truncated(byteLength);
    this.#position += byteLength;
  }

  /** A vocabulary has 250,000 strings: numbers instead of bigints and no decoding make this take milliseconds. */
  skipStrings(count: number): void {
    for (let left = count - this.#skipInWindow(count); left > 0; left -= 1 + this.#skipInWindow(left - 1)) {
      this.skip(this.#stringLength());
    }
  }

  /**
   * Skips up to `count` strings that lie whole in the window; returns how many. One loop over local variables is
   * compiled after few rounds, a call for each string only after many: a third of a first read's time.
   */
  #skipInWindow(count: number): number {
    const view = this.#view;
    const end = this.#windowLength;
    const { sizeBytes, littleEndian } = this;
    const low = littleEndian ? 0 : sizeBytes - 4;
    const high = littleEndian ? sizeBytes - 4 : 0;
    let at = this.#position - this.#windowStart;
    let skipped = 0;
    for (; at >= 0 && skipped < count && at + sizeBytes <= end; skipped++) {
      const next = at + sizeBytes + view.getUint32(at + low, littleEndian);
      // The upper half of a length is 0 in any file that there is; in version 1 both halves are the same.
      if (next > end || (sizeBytes === 8 && view.getUint32(at + high, littleEndian) !== 0)) break;
      at = next;
    }
    if (skipped > 0) this.#position = this.#windowStart + at;
    return skipped;
  }

  error(code: ErrorCode, what: string, offset: number, hint?: string): NumashardError {
    const message = `${what} (${this.path}, ${this.section}, byte ${offset})`;
    return new NumashardError(code, message, hint === undefined ? {} : { hint });
  }

  #stringLength(): number {
    const at = this.#take(this.sizeBytes);
    const first = this.#view.getUint32(at, this.littleEndian);
    const byteLength = this.sizeBytes === 4 ? first : this.#joinHalves(first, at + 4);
    if (byteLength > this.remaining) throw this.#truncated(byteLength);
    return byteLength;
  }

  /** Inexact above 2^53, which is beyond any file and refused. */
  #joinHalves(first: number, at: number): number {
    const second = this.#view.getUint32(at, this.littleEndian);
    return this.littleEndian ? second * 2 ** 32 + first : first * 2 ** 32 + second;
  }

  /** Offset inside the window of the next `byteLength` bytes, which are then consumed. */
  #take(byteLength: number): number {
    const start = this.#position - this.#windowStart;
    if (start < 0 || start + byteLength > this.#windowLength) return this.#refill(byteLength);
    this.#position += byteLength;
    return start;
  }

  #refill(byteLength: number): number {
    if (byteLength > this.remaining) throw this.#truncated(byteLength);
    if (byteLength > this.#bytes.byteLength) {
      this.#bytes = new Uint8Array(byteLength);
      this.#view = new DataView(this.#bytes.buffer);
    }
    this.#windowStart = this.#position;
    this.#windowLength = 0;
    while (this.#windowLength < byteLength) {
      const read = this.#read();
      if (read === 0) throw this.#shrunk(this.#windowStart + this.#windowLength);
      this.#windowLength += read;
    }
    this.#position += byteLength;
    return 0;
  }

  #read(): number {
    const length = this.#windowLength;
    try {
      return readSync(
        this.#fd,
        this.#bytes,
        length,
        this.#bytes.byteLength - length,
        this.#windowStart + length,
      );
    } catch (cause) {
      return refuse(this.path, cause);
    }
  }

  #shrunk(end: number): NumashardError {
    return this.error(
      'file-changed',
      `the file became shorter while it was read: ${this.byteLength} bytes when it was opened, now ${end} or less`,
      this.#position,
      CHANGED_HINT,
    );
  }

  #truncated(byteLength: number): NumashardError {
    const rest = Math.max(0, this.remaining);
    return this.error(
      'gguf-truncated',
      `file is cut: ${byteLength} bytes expected, ${rest} left of ${this.byteLength}`,
      this.#position,
      'the download or copy is incomplete, or a length in the file is broken; fetch it again',
    );
  }
}
