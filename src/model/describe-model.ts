// SPDX-License-Identifier: MIT
// A GGUF file as a language model: layers, roles, architecture.
import { NumashardError } from '../errors.js';
import { splitOf } from '../gguf/split-keys.js';
import type { GgufFile } from '../gguf/types.js';
import { classifyTensor } from './classify-tensor.js';
import type { Model, ModelTensor } from './types.js';

/** Far above any model; a larger `block_count` is a broken value. */
const MAX_BLOCKS = 65_536;

/**
 * Pure. Takes one file, or all parts of a split model as `readGgufParts` gives them: the first has the metadata.
 * Throws `gguf-split` for some of the parts, whose tensors are only some of the model's.
 */
export function describeModel(model: GgufFile | readonly GgufFile[]): Model {
  const parts = 'path' in model ? [model] : model;
  const [first] = parts;
  if (first === undefined) throw new NumashardError('gguf-split', 'a model of no parts');
  refuseIncomplete(first, parts.length);
  const architecture = architectureOf(first);
  const tensors = withTiedOutput(
    architecture,
    parts.flatMap((part) => part.tensors.map((tensor) => ({ ...tensor, ...classifyTensor(tensor.name) }))),
  );
  return {
    architecture,
    blockCount: blockCountOf(first, architecture, tensors),
    byteLength: tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0),
    files: parts.map(({ path, byteLength }) => ({ path, byteLength })),
    tensors,
  };
}

function refuseIncomplete(first: GgufFile, parts: number): void {
  const split = splitOf(first);
  if (split === null || (split.index === 0 && split.count === parts)) return;
  const which = parts === 1 ? `part ${split.index + 1}` : `the first of only ${parts} parts`;
  throw new NumashardError('gguf-split', `${first.path} is ${which} of ${split.count} of a split model`, {
    hint: 'read all parts with readGgufParts',
  });
}

function architectureOf({ metadata }: GgufFile): string {
  const value = metadata.get('general.architecture');
  return typeof value === 'string' && value !== '' ? value : 'unknown';
}

function blockCountOf(file: GgufFile, architecture: string, tensors: readonly ModelTensor[]): number {
  const stated = file.metadata.get(`${architecture}.block_count`);
  if (typeof stated === 'number' && Number.isInteger(stated) && stated >= 0 && stated <= MAX_BLOCKS)
    return stated;
  return tensors.reduce((count, { layer }) => Math.max(count, (layer ?? -1) + 1), 0);
}

/** Encoders that embed and never produce tokens: their `token_embd` is only looked up. llama-arch.cpp, 0.7.0. */
export const encoders: ReadonlySet<string> = new Set([
  'bert',
  'clip',
  'eurobert',
  'gemma-embedding',
  'gemma-embedding2',
  'jina-bert-v2',
  'jina-bert-v3',
  'llama-embed',
  'modern-bert',
  'neo-bert',
  'nomic-bert',
  'nomic-bert-moe',
  't5encoder',
  'wavtokenizer-dec',
]);

/** Without `output.weight` llama.cpp multiplies by the embedding: every token reads all of it. */
function withTiedOutput(architecture: string, tensors: readonly ModelTensor[]): readonly ModelTensor[] {
  if (encoders.has(architecture) || tensors.some(({ name }) => name === 'output.weight')) return tensors;
  return tensors.map((tensor) =>
    tensor.name === 'token_embd.weight' ? { ...tensor, role: 'output' as const } : tensor,
  );
}
