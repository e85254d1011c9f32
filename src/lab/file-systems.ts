// SPDX-License-Identifier: MIT
// The file systems a drive of an emulated machine may have: those that servers keep models on.
import { emptyExt4, ext4FromFile } from './ext4.js';
import { emptyXfs, xfsFromFile } from './xfs.js';

export const fileSystemNames = ['ext4', 'xfs'] as const;
export type FileSystemName = (typeof fileSystemNames)[number];

interface FileSystemMaker {
  /** An image that holds one file under the given name, readable by everyone. */
  readonly fromFile: (file: string, name: string, image: string) => Promise<void>;
  readonly empty: (image: string, mebibytes: number) => Promise<void>;
}

export const fileSystems: Record<FileSystemName, FileSystemMaker> = {
  ext4: { fromFile: ext4FromFile, empty: emptyExt4 },
  xfs: { fromFile: xfsFromFile, empty: emptyXfs },
};
