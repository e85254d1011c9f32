// SPDX-License-Identifier: MIT
// Writes the cpio archive ("newc") the Linux kernel unpacks as initramfs.
// Source of truth: Documentation/driver-api/early-userspace/buffer-format.rst in the kernel.

export interface CpioEntry {
  /** Without a leading "/". */
  readonly path: string;
  /** File type and permission bits, e.g. 0o100755 or 0o40755. */
  readonly mode: number;
  readonly data?: Uint8Array;
  /** Major and minor number of a device node. */
  readonly device?: readonly [major: number, minor: number];
}

export function cpioArchive(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.map((entry, index) => record(entry, index + 1));
  return Buffer.concat([...parts, record({ path: 'TRAILER!!!', mode: 0 }, 0)]);
}

function record({ path, mode, data = new Uint8Array(), device = [0, 0] }: CpioEntry, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const links = 1;
  const fields = [
    inode,
    mode,
    0,
    0,
    links,
    0,
    data.byteLength,
    0,
    0,
    device[0],
    device[1],
    name.byteLength,
    0,
  ];
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`);
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(data)]);
}

/** Name and data both end on a multiple of four bytes. */
function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, new Uint8Array((4 - (bytes.byteLength % 4)) % 4)]);
}
