// SPDX-License-Identifier: MIT
// A GGUF file as a language model: layers, roles, architecture.
import { NumashardError } from '../errors.js';
import type { GgufFile } from '../gguf/types.js';
import { classifyTensor } from './classify-tensor.js';
import type { Model, ModelTensor } from './types.js';

/** Far above any model; a larger `block_count` is a broken value. */
const MAX_BLOCKS = 65_536;

/** Pure. Throws `gguf-invalid` for a part of a split model, whose tensors are only some of the model's. */
export function describeModel(file: GgufFile): Model {
  refuseSplit(file);
  const architecture = architectureOf(file);
  const tensors = withTiedOutput(
    architecture,
    file.tensors.map((tensor) => ({ ...tensor, ...classifyTensor(tensor.name) })),
  );
  return {
    architecture,
    blockCount: blockCountOf(file, architecture, tensors),
    byteLength: tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0),
    files: [{ path: file.path, byteLength: file.byteLength }],
    tensors,
  };
}

function refuseSplit({ path, metadata }: GgufFile): void {
  const count = metadata.get('split.count');
  if (typeof count !== 'number' || count <= 1) return;
  const part = Number(metadata.get('split.no') ?? 0) + 1;
  throw new NumashardError('gguf-invalid', `${path} is part ${part} of ${count} of a split model`, {
    hint: 'split models are not read yet; join the parts with llama-gguf-split --merge',
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
const encoders: ReadonlySet<string> = new Set([
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
