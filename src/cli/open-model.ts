// SPDX-License-Identifier: MIT
// A model as the user names it: a GGUF file, of a split model any part, and where in the file it begins.
import { readGgufParts } from '../gguf/read-parts.js';
import { describeModel } from '../model/describe-model.js';
import type { Model } from '../model/types.js';

export async function openModel(path: string, startOffset = 0): Promise<Model> {
  return describeModel(await readGgufParts(path, { startOffset }));
}
