// SPDX-License-Identifier: MIT
// The few fields of an ELF file that decide whether a library can be preloaded into it. Source of truth: elf(5); limits
// as in the kernel's fs/binfmt_elf.c. The file is foreign: nothing is read that was not checked to be there.

export interface ElfProgram {
  /** e_ident[EI_CLASS], e_ident[EI_DATA] and e_machine. */
  readonly bits: 32 | 64;
  readonly isLittleEndian: boolean;
  readonly machine: number;
  /** The dynamic loader (PT_INTERP); null: the program is static. */
  readonly interpreter: string | null;
}

/** Bytes from an offset on; fewer where the file ends before. */
export type ReadAt = (offset: number, byteLength: number) => Promise<Uint8Array>;

const programHeaderInterpreter = 3;
/** Of a file's program headers together: load_elf_phdrs(). */
const maxHeadersByteLength = 65_536;
/** PATH_MAX, of PT_INTERP in load_elf_binary(). */
const maxInterpreterByteLength = 4096;

/** null: not an ELF file, or one that the kernel would refuse. */
export async function readElf(readAt: ReadAt): Promise<ElfProgram | null> {
  const head = await readAt(0, 64);
  if (head.length < 52 || !startsWith(head, [0x7f, 0x45, 0x4c, 0x46])) return null;
  const bits = { 1: 32 as const, 2: 64 as const }[head[4] ?? 0];
  const isLittleEndian = { 1: true, 2: false }[head[5] ?? 0];
  if (bits === undefined || isLittleEndian === undefined || (bits === 64 && head.length < 64)) return null;
  const form = { bits, isLittleEndian };
  const machine = fieldsOf(head, form).half(18);
  const headers = await readProgramHeaders(readAt, head, form);
  if (headers === null) return null;
  for (const { type, offset, byteLength } of headers) {
    if (type !== programHeaderInterpreter) continue;
    const interpreter = await readInterpreter(readAt, offset, byteLength);
    return interpreter === null ? null : { ...form, machine, interpreter };
  }
  return { ...form, machine, interpreter: null };
}

type Form = Pick<ElfProgram, 'bits' | 'isLittleEndian'>;

interface ProgramHeader {
  readonly type: number;
  readonly offset: number;
  readonly byteLength: number;
}

async function readProgramHeaders(
  readAt: ReadAt,
  head: Uint8Array,
  form: Form,
): Promise<ProgramHeader[] | null> {
  const is64 = form.bits === 64;
  const fields = fieldsOf(head, form);
  const start = is64 ? fields.long(32) : fields.word(28);
  const size = fields.half(is64 ? 54 : 42);
  const count = fields.half(is64 ? 56 : 44);
  const byteLength = size * count;
  if (size !== (is64 ? 56 : 32) || byteLength === 0 || byteLength > maxHeadersByteLength) return null;
  const table = await readAt(start, byteLength);
  if (table.length < byteLength) return null;
  return Array.from({ length: count }, (_, index) => {
    const header = fieldsOf(table.subarray(index * size, (index + 1) * size), form);
    return {
      type: header.word(0),
      offset: is64 ? header.long(8) : header.word(4),
      byteLength: is64 ? header.long(32) : header.word(16),
    };
  });
}

/** A path that ends with the only NUL. */
async function readInterpreter(readAt: ReadAt, offset: number, byteLength: number): Promise<string | null> {
  if (byteLength < 2 || byteLength > maxInterpreterByteLength) return null;
  const bytes = await readAt(offset, byteLength);
  if (bytes.length < byteLength || bytes.indexOf(0) !== byteLength - 1) return null;
  return new TextDecoder().decode(bytes.subarray(0, -1));
}

function startsWith(bytes: Uint8Array, wanted: readonly number[]): boolean {
  return wanted.every((byte, index) => bytes[index] === byte);
}

function fieldsOf(bytes: Uint8Array, { isLittleEndian }: Form) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    half: (at: number): number => view.getUint16(at, isLittleEndian),
    word: (at: number): number => view.getUint32(at, isLittleEndian),
    /** No file is so long that this is not exact; what is not then lies behind its end. */
    long: (at: number): number => Number(view.getBigUint64(at, isLittleEndian)),
  };
}

/** e_machine of elf.h, as far as llama.cpp is built for it. */
const machineNames: ReadonlyMap<number, string> = new Map([
  [3, 'i386'],
  [21, 'ppc64'],
  [22, 's390x'],
  [40, 'arm'],
  [62, 'x86-64'],
  [183, 'aarch64'],
  [243, 'riscv64'],
  [258, 'loongarch64'],
]);

export function describeArchitecture({ bits, isLittleEndian, machine }: ElfProgram): string {
  const name = machineNames.get(machine) ?? `machine ${machine}`;
  return `${name} (${bits} bits, ${isLittleEndian ? 'little' : 'big'}-endian)`;
}
