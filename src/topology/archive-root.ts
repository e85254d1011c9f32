// SPDX-License-Identifier: MIT
// A recorded machine inside a tar archive, read as a directory is, links included; nothing is unpacked to disk.
import { type FileRoot, fileText } from './file-root.js';
import type { TarEntry } from './read-tar.js';

type Item = Folder | Buffer | Link;
type Folder = Map<string, Item>;
interface Link {
  readonly target: string;
}

/** As in Linux (MAXSYMLINKS). */
const maxLinks = 40;

export interface ArchiveFolder {
  readonly root: FileRoot;
  /** Names of the folders in it, and of everything in it. */
  readonly folders: readonly string[];
  readonly names: readonly string[];
  open(folder: string): ArchiveFolder;
}

/** Throws an Error whose message is a reason, for names that lead out of the archive. */
export function openArchive(entries: readonly TarEntry[]): ArchiveFolder {
  const top: Folder = new Map();
  for (const entry of entries) add(top, entry);
  return describe(top, '');
}

function describe(folder: Folder, path: string): ArchiveFolder {
  const within = (name: string): string => (path === '' ? name : `${path}/${name}`);
  return {
    root: rootOf(folder, within),
    names: [...folder.keys()],
    folders: [...folder].flatMap(([name, item]) => (item instanceof Map ? [name] : [])),
    open: (name) => {
      const item = folder.get(name);
      return describe(item instanceof Map ? item : new Map(), within(name));
    },
  };
}

function rootOf(base: Folder, within: (path: string) => string): FileRoot {
  return {
    readText: async (path) => {
      const item = find(base, path);
      return item instanceof Buffer ? fileText(item, within(path)) : null;
    },
    list: async (path) => {
      const item = find(base, path);
      return item instanceof Map ? [...item.keys()].sort() : null;
    },
  };
}

function add(top: Folder, { path, kind, data, target }: TarEntry): void {
  const parts = path.split('/');
  const name = parts.pop() ?? '';
  if (parts.includes('..') || name === '..') throw new Error(`${path} leads out of the archive`);
  let folder = top;
  for (const part of parts) {
    const next = folder.get(part);
    const inside: Folder = next instanceof Map ? next : new Map();
    if (inside !== next) folder.set(part, inside);
    folder = inside;
  }
  if (kind === 'directory') {
    if (name !== '' && !(folder.get(name) instanceof Map)) folder.set(name, new Map());
    return;
  }
  if (kind === 'hard-link') {
    const other = find(top, target);
    if (other instanceof Buffer) folder.set(name, other);
    return;
  }
  folder.set(name, kind === 'file' ? data : { target });
}

/** Follows links; null for what is absent, and for what leads out of `base`. */
function find(base: Folder, path: string): Folder | Buffer | null {
  const parents: Folder[] = [];
  let here: Item = base;
  let links = 0;
  const ahead = path.split('/');
  while (ahead.length > 0) {
    const part = ahead.shift() ?? '';
    if (part === '' || part === '.') continue;
    if (!(here instanceof Map)) return null;
    if (part === '..') {
      const parent = parents.pop();
      if (parent === undefined) return null;
      here = parent;
      continue;
    }
    const next: Item | undefined = here.get(part);
    if (next === undefined) return null;
    if (!('target' in next)) {
      parents.push(here);
      here = next;
    } else if (next.target.startsWith('/') || ++links > maxLinks) return null;
    else ahead.unshift(...next.target.split('/'));
  }
  return 'target' in here ? null : here;
}
