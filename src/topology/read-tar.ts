// SPDX-License-Identifier: MIT
// What a tar archive holds, in memory. Source of truth: pax(1) of POSIX for ustar and its extended headers, GNU tar's
// manual for long names and large numbers. An archive is untrusted: nothing of it is written anywhere.

export interface TarEntry {
  /** As the archive has it, without ./ and slashes at its ends. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symbolic-link' | 'hard-link';
  /** Of a file; empty for all others. */
  readonly data: Buffer;
  /** Of a link. */
  readonly target: string;
}

const blockByteLength = 512;
/** GNU tar and the kernel end there too (PATH_MAX). */
const maxPathByteLength = 4096;

/** Throws an Error whose message is a reason: no archive, cut off, or of a kind that is not read. */
export function readTar(bytes: Buffer): TarEntry[] {
  const entries: TarEntry[] = [];
  let said: Overrides = {};
  for (let at = 0; at + blockByteLength <= bytes.length; ) {
    const header = bytes.subarray(at, at + blockByteLength);
    if (header.every((byte) => byte === 0)) return entries;
    if (!hasChecksum(header)) {
      throw new Error(
        at === 0 ? 'not a tar archive' : `damaged after ${entries.at(-1)?.path ?? 'its start'}`,
      );
    }
    const type = String.fromCharCode(header[156] as number);
    const byteLength = said.size ?? number(header.subarray(124, 136));
    const start = at + blockByteLength;
    const data = bytes.subarray(start, start + byteLength);
    if (data.length < byteLength)
      throw new Error(`unexpected end of file in ${text(header.subarray(0, 100))}`);
    at = start + Math.ceil(byteLength / blockByteLength) * blockByteLength;
    if ('LKxg'.includes(type)) {
      said = { ...said, ...overrides(type, data) };
      continue;
    }
    const entry = readEntry(type, header, data, said);
    if (entry !== null) entries.push(entry);
    said = {};
  }
  return entries;
}

/** What extension headers say about the entry that follows them. */
interface Overrides {
  readonly path?: string;
  readonly target?: string;
  readonly size?: number;
}

function overrides(type: string, data: Buffer): Overrides {
  if (type === 'L') return { path: text(data) };
  if (type === 'K') return { target: text(data) };
  // "g" speaks of all entries: none of its keywords matters here.
  return type === 'x' ? paxOverrides(data) : {};
}

/** Records of "LENGTH KEYWORD=VALUE\n". */
function paxOverrides(data: Buffer): Overrides {
  let found: Overrides = {};
  for (let at = 0; at < data.length; ) {
    const length = Number.parseInt(data.toString('latin1', at, at + 8), 10);
    if (!(length > 4) || at + length > data.length) throw new Error('damaged pax header');
    const record = data.toString('utf8', at, at + length - 1);
    const [, keyword, value = ''] = /^\d+ ([^=]+)=(.*)$/s.exec(record) ?? [];
    if (keyword === 'path') found = { ...found, path: value };
    if (keyword === 'linkpath') found = { ...found, target: value };
    if (keyword === 'size') found = { ...found, size: wholeNumber(value, 10) };
    if (keyword?.startsWith('GNU.sparse')) throw new Error('a sparse file, which is not read');
    at += length;
  }
  return found;
}

const kinds: Readonly<Record<string, TarEntry['kind']>> = {
  '0': 'file',
  '\0': 'file',
  '7': 'file',
  '1': 'hard-link',
  '2': 'symbolic-link',
  '5': 'directory',
};

/** null for devices and pipes. */
function readEntry(type: string, header: Buffer, data: Buffer, said: Overrides): TarEntry | null {
  if (type === 'S') throw new Error('a sparse file, which is not read');
  // GNU tar's own format has other fields where ustar has a prefix.
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? text(header.subarray(345, 500)) : '';
  const name = text(header.subarray(0, 100));
  const path = said.path ?? (prefix === '' ? name : `${prefix}/${name}`);
  if (path.length > maxPathByteLength) throw new Error(`a path of more than ${maxPathByteLength} bytes`);
  const kind = kinds[type];
  if (kind === undefined) return null;
  return {
    path: path
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .join('/'),
    kind: kind === 'file' && path.endsWith('/') ? 'directory' : kind,
    data: kind === 'file' ? data : Buffer.alloc(0),
    target: said.target ?? text(header.subarray(157, 257)),
  };
}

/** The sum of all header bytes, those of the sum itself taken as spaces. */
function hasChecksum(header: Buffer): boolean {
  const own = header.subarray(148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0) - own.reduce((total, byte) => total + byte, 0);
  return Number.parseInt(text(own).trim(), 8) === sum + own.length * 0x20;
}

/** Octal text; or, with the first bit set, big-endian binary (GNU). */
function number(field: Buffer): number {
  if (((field[0] as number) & 0x80) === 0) return wholeNumber(text(field).trim() || '0', 8);
  const value = field.subarray(1).reduce((total, byte) => total * 256 + byte, 0);
  return wholeNumber(value.toString(10), 10);
}

function wholeNumber(digits: string, base: 8 | 10): number {
  const value = (base === 8 ? /^[0-7]+$/ : /^\d+$/).test(digits) ? Number.parseInt(digits, base) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new Error(`${JSON.stringify(digits)} is no size`);
  return value;
}

/** Up to the first NUL. */
function text(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? field.length : end);
}
