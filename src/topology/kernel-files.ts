// SPDX-License-Identifier: MIT
// Single kernel files as values: text cut at the first NUL, lists, numbers, memory figures in bytes.
import { parseCpuList, parseCpuMask } from './cpu-list.js';
import type { FileRoot } from './file-root.js';

/** Reads values below one root and remembers which files ended in NUL bytes. */
export class KernelFiles {
  readonly root: FileRoot;
  readonly filesWithNul = new Set<string>();

  constructor(root: FileRoot) {
    this.root = root;
  }

  /** Trimmed text; null if the file is absent. */
  async text(path: string): Promise<string | null> {
    const text = await this.root.readText(path);
    if (text === null) return null;
    const end = text.indexOf('\0');
    if (end >= 0) this.filesWithNul.add(path);
    return (end < 0 ? text : text.slice(0, end)).trim();
  }

  async cpuList(path: string): Promise<number[] | null> {
    const text = await this.text(path);
    return text === null ? null : parseCpuList(text, path);
  }

  /** An empty mask file says nothing: null. */
  async cpuMask(path: string): Promise<number[] | null> {
    const text = await this.text(path);
    return text === null || text === '' ? null : parseCpuMask(text, path);
  }

  /** A whole number, negative ones included; null if absent or anything else. */
  async integer(path: string): Promise<number | null> {
    const text = await this.text(path);
    return text !== null && /^-?\d{1,15}$/.test(text) ? Number(text) : null;
  }

  /** The figures of a meminfo file by name, in bytes. Node files prefix each line with `Node N`. */
  async memory(path: string): Promise<ReadonlyMap<string, number> | null> {
    const text = await this.text(path);
    if (text === null) return null;
    const bytes = new Map<string, number>();
    for (const match of text.matchAll(/^(?:Node +\d+ +)?([\w()]+): +(\d{1,12}) kB$/gm)) {
      bytes.set(match[1] as string, Number(match[2]) * 1024);
    }
    return bytes;
  }

  /** Numbers N of entries `<prefix>N` in a directory, ascending; null if there is no such directory. */
  async numbered(directory: string, prefix: string): Promise<number[] | null> {
    const names = await this.root.list(directory);
    if (names === null) return null;
    const pattern = new RegExp(`^${prefix}(\\d{1,5})$`);
    return names
      .flatMap((name) => pattern.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((left, right) => left - right);
  }
}
