// SPDX-License-Identifier: MIT
// Demo models: random weights in real GGUF files that an unmodified llama.cpp loads and runs. What they say is
// nonsense, but always the same nonsense, so a placement that changed one byte would show.
import { ggufF32, ggufString, ggufU32 } from '../gguf/encode.js';
import { rowByteLength, tensorTypeByName } from '../gguf/tensor-types.js';
import { type GgufToWrite, type TensorToWrite, writeGguf } from '../gguf/write-gguf.js';
import { fillOnes, randomBlocks } from './model-blocks.js';
import { type DemoTensor, demoTensors } from './model-tensors.js';
import { buildTokenizer, type DemoTokenizer } from './model-tokenizer.js';

export interface DemoModelSpec {
  readonly kind: 'dense' | 'moe';
  readonly embedding: number;
  readonly layers: number;
  /** Width of the feed-forward network; of one expert in a `moe`. */
  readonly feedForward: number;
  /** 0 in a dense model. */
  readonly experts: number;
  readonly expertsUsed: number;
  readonly heads: number;
  /** Default: as many as `heads`. */
  readonly keyValueHeads?: number;
  readonly vocabulary: number;
  readonly quantization: 'q8_0' | 'q4_0' | 'q4_K_M' | 'f16';
  /** Without one, llama.cpp takes token ids only: enough for llama-bench. */
  readonly tokenizer: boolean;
  readonly seed: number;
}

const dense = {
  kind: 'dense',
  embedding: 1024,
  layers: 10,
  feedForward: 2816,
  experts: 0,
  expertsUsed: 0,
  heads: 16,
  vocabulary: 2048,
  tokenizer: false,
  seed: 1,
} as const;

const moe = { ...dense, kind: 'moe', layers: 6, feedForward: 768, experts: 8, expertsUsed: 2 } as const;

const text = {
  ...dense,
  embedding: 512,
  layers: 7,
  feedForward: 1536,
  heads: 8,
  vocabulary: 1024,
  tokenizer: true,
} as const;

/** The models of the lab. The first six have 64 to 100 MiB, the others 20 to 45. */
export const demoModels = {
  'dense-q8_0': { ...dense, layers: 6, quantization: 'q8_0' },
  'dense-q4_0': { ...dense, quantization: 'q4_0' },
  'dense-q4_K_M': { ...dense, quantization: 'q4_K_M' },
  'moe-q8_0': { ...moe, layers: 3, quantization: 'q8_0' },
  'moe-q4_0': { ...moe, quantization: 'q4_0' },
  'moe-q4_K_M': { ...moe, quantization: 'q4_K_M' },
  /** What `lab demo` shows: small, so that it takes less than a minute. */
  demo: { ...dense, layers: 5, quantization: 'q4_K_M' },
  /** As many layers as a 7B model, for layer maps. */
  layers32: {
    ...dense,
    embedding: 512,
    layers: 32,
    feedForward: 384,
    heads: 8,
    keyValueHeads: 2,
    quantization: 'q8_0',
  },
  /** With a tokenizer, for perplexity and greedy text. */
  text: { ...text, quantization: 'q8_0' },
  'text-q4_K_M': { ...text, layers: 10, quantization: 'q4_K_M' },
} as const satisfies Record<string, DemoModelSpec>;

export type DemoModelName = keyof typeof demoModels;

/** Writes the same bytes for the same spec, at a few hundred MiB per second. */
export async function buildDemoModel(path: string, spec: DemoModelSpec): Promise<void> {
  await writeGguf(path, demoModelContent(spec));
}

export function demoModelContent(spec: DemoModelSpec): GgufToWrite {
  const tokenizer = spec.tokenizer ? buildTokenizer(spec.vocabulary) : null;
  const tensors = demoTensors(spec).map((tensor) => withData(tensor, spec, tokenizer));
  return { metadata: metadataOf(spec, tokenizer), tensors };
}

function metadataOf(spec: DemoModelSpec, tokenizer: DemoTokenizer | null) {
  return {
    'general.architecture': ggufString('llama'),
    'general.name': ggufString(`numashard demo ${spec.kind} ${spec.quantization}`),
    'general.quantization_version': ggufU32(2),
    'llama.vocab_size': ggufU32(spec.vocabulary),
    'llama.context_length': ggufU32(4096),
    'llama.embedding_length': ggufU32(spec.embedding),
    'llama.block_count': ggufU32(spec.layers),
    'llama.feed_forward_length': ggufU32(spec.feedForward),
    'llama.rope.dimension_count': ggufU32(spec.embedding / spec.heads),
    'llama.attention.head_count': ggufU32(spec.heads),
    'llama.attention.head_count_kv': ggufU32(spec.keyValueHeads ?? spec.heads),
    'llama.attention.layer_norm_rms_epsilon': ggufF32(1e-5),
    ...(spec.kind === 'moe' && {
      'llama.expert_count': ggufU32(spec.experts),
      'llama.expert_used_count': ggufU32(spec.expertsUsed),
    }),
    ...(tokenizer?.metadata ?? { 'tokenizer.ggml.model': ggufString('no_vocab') }),
  };
}

function withData(tensor: DemoTensor, spec: DemoModelSpec, tokenizer: DemoTokenizer | null): TensorToWrite {
  const { name, type, shape, deviation } = tensor;
  if (deviation === null) return { name, type, shape, fill: fillOnes };
  const fill = randomBlocks(type, deviation, `${spec.seed} ${name}`);
  if (name !== 'output.weight' || tokenizer === null) return { name, type, shape, fill };
  const rowBytes = rowByteLength(tensorTypeByName(type), spec.embedding);
  return {
    name,
    type,
    shape,
    fill: (buffer, offset) => {
      fill(buffer);
      silenceRows(buffer, offset, rowBytes, (token) => !tokenizer.isPrintable(token));
    },
  };
}

/** Zero bytes are zero weights in every type: such a token's logit is 0, so greedy text never picks it. */
function silenceRows(
  buffer: Uint8Array,
  offset: number,
  rowBytes: number,
  isSilent: (row: number) => boolean,
): void {
  const end = offset + buffer.byteLength;
  for (let row = Math.floor(offset / rowBytes); row * rowBytes < end; row++) {
    if (isSilent(row)) buffer.fill(0, Math.max(0, row * rowBytes - offset), (row + 1) * rowBytes - offset);
  }
}
