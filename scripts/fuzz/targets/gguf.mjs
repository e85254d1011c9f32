// SPDX-License-Identifier: MIT
// GGUF files, and the model that is made of one. Input: the file.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkRefusal, encode, promise, unlessRefused } from '../check.mjs';
import { ggufSeeds } from '../gguf-seeds.mjs';

const codes = /^(gguf-[a-z-]+|file-unreadable|not-a-regular-file)$/;

/** @param {import('../targets.mjs').Load} load @returns {Promise<import('../targets.mjs').Target>} */
export async function openGguf(load) {
  const errors = await load('errors.js');
  const { readGguf } = await load('gguf/read-gguf.js');
  const { describeModel } = await load('model/describe-model.js');
  const folder = mkdtempSync(join(memoryFolder(), 'numashard-fuzz-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'model.gguf');
  const tensorTypes = [0, 1, 2, 8, 12, 14, 39, 200].map(u32);

  return {
    seeds: ggufSeeds(),
    tokens: [
      ...encode(
        'GGUF',
        'general.alignment',
        'general.architecture',
        'llama',
        'llama.block_count',
        'split.count',
      ),
      ...encode(
        'split.no',
        'split.tensors.count',
        'blk.0.attn_q.weight',
        'output.weight',
        'token_embd.weight',
      ),
      ...tensorTypes,
      ...[u64(0), u64(1), u64(4), u64(13), u64(32), u64(2 ** 32), u64(2 ** 53)],
      Uint8Array.of(0, 0, 0, 1),
    ],
    async run(input) {
      writeFileSync(path, input);
      const file = await readGguf(path).catch((/** @type {unknown} */ thrown) =>
        checkRefusal(errors, codes, thrown),
      );
      if (!file) return;
      checkFile(file, input.length);
      unlessRefused(errors, codes, () => JSON.stringify(describeModel(file)));
    },
  };
}

/** Files that live for microseconds belong in memory. */
function memoryFolder() {
  return process.platform === 'linux' ? '/dev/shm' : tmpdir();
}

/** @param {any} file @param {number} byteLength */
function checkFile(file, byteLength) {
  promise(file.byteLength === byteLength, 'the length is the file’s');
  const names = new Set(file.tensors.map((/** @type {any} */ tensor) => tensor.name));
  promise(names.size === file.tensors.length, 'names are unique');
  let end = file.dataOffset;
  const sorted = [...file.tensors].sort((a, b) => a.fileOffset - b.fileOffset);
  for (const { fileOffset, byteLength: length, shape } of sorted) {
    promise(Number.isSafeInteger(length) && length > 0, 'a tensor has bytes');
    promise(
      fileOffset >= end && fileOffset + length <= byteLength,
      'tensors lie in the file, none over another',
    );
    promise((fileOffset - file.dataOffset) % file.alignment === 0, 'tensors are aligned');
    promise(
      shape.length <= 4 && shape.every((/** @type {number} */ n) => Number.isSafeInteger(n) && n > 0),
      'shapes are sound',
    );
    end = fileOffset + length;
  }
}

/** @param {number} value */
function u32(value) {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** @param {number} value */
function u64(value) {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}
