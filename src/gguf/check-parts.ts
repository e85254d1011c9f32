// SPDX-License-Identifier: MIT
// Whether the parts of a split model belong together. llama.cpp compares index and number of tensors; a part of
// another model can have the same of both, so what parts repeat of the metadata is compared too, and a width.
import { NumashardError } from '../errors.js';
import { splitKeys, splitOf } from './split-keys.js';
import type { GgufFile, GgufTensor, GgufValue } from './types.js';

/** All parts in order, each where its name puts it. Throws `gguf-split`. */
export function checkParts(parts: readonly GgufFile[]): void {
  const [first] = parts;
  if (first === undefined) return;
  for (const [index, part] of parts.entries()) checkPart(first, part, index, parts.length);
  checkTensors(first, parts);
}

function checkPart(first: GgufFile, part: GgufFile, index: number, count: number): void {
  const split = splitOf(part);
  const expected = `part ${index + 1} of ${count}`;
  if (split === null)
    throw foreign(part, `its name says ${expected}, its metadata has no ${splitKeys.count}`);
  if (split.index !== index || split.count !== count) {
    throw foreign(part, `its name says ${expected}, its metadata part ${split.index + 1} of ${split.count}`);
  }
  const wanted = splitOf(first)?.tensorCount ?? null;
  if (split.tensorCount !== wanted) {
    throw foreign(
      part,
      `${splitKeys.tensorCount} is ${split.tensorCount ?? 'missing'}, in ${first.path} ${wanted ?? 'missing'}`,
    );
  }
  if (part.byteOrder !== first.byteOrder || part.version !== first.version) {
    throw foreign(part, `it is ${formOf(part)}, ${first.path} is ${formOf(first)}`);
  }
  for (const [key, value] of part.metadata) checkRepeated(first, part, key, value);
}

function formOf({ version, byteOrder }: GgufFile): string {
  return `version ${version}, ${byteOrder}-endian`;
}

/** Only these: a tool may write other keys part by part. */
const identity =
  /^general\.(?:architecture|name|basename|size_label|file_type)$|\.(?:block_count|embedding_length)$/;

function checkRepeated(first: GgufFile, part: GgufFile, key: string, value: GgufValue): void {
  const wanted = first.metadata.get(key);
  if (!identity.test(key) || wanted === undefined || typeof value === 'object' || value === wanted) return;
  throw foreign(
    part,
    `${key} is ${value}, in ${first.path} ${typeof wanted === 'object' ? 'an array' : wanted}`,
  );
}

function checkTensors(first: GgufFile, parts: readonly GgufFile[]): void {
  const owners = new Map<string, GgufFile>();
  let width: GgufTensor | undefined;
  for (const part of parts) {
    for (const tensor of part.tensors) {
      const owner = owners.get(tensor.name);
      if (owner) throw foreign(part, `tensor "${tensor.name}" is in ${owner.path} too`);
      owners.set(tensor.name, part);
      if (!isWide.test(tensor.name)) continue;
      width ??= tensor;
      if (width.shape[0] !== tensor.shape[0]) {
        throw foreign(
          part,
          `"${tensor.name}" has ${tensor.shape[0]} elements, "${width.name}" in ${width.file} ${width.shape[0]}`,
        );
      }
    }
  }
  const wanted = splitOf(first)?.tensorCount;
  if (wanted !== undefined && owners.size === wanted) return;
  const message = `the ${parts.length} parts have ${owners.size} tensors, ${splitKeys.tensorCount} is ${wanted ?? 'missing'} (${first.path})`;
  throw new NumashardError('gguf-split', message, { hint: HINT });
}

/** As long as the model is wide, in every layer. */
const isWide = /^blk\.\d+\.attn_norm\.weight$/;

const HINT = 'one of the parts belongs to another model, or to another version of this one: fetch them again';

function foreign({ path }: GgufFile, why: string): NumashardError {
  return new NumashardError('gguf-split', `${path} is not a part of this model: ${why}`, { hint: HINT });
}
