// SPDX-License-Identifier: MIT
// The tensors of a demo model of architecture `llama`: names, shapes, types, spread of the weights.
// Source of truth: llama.cpp's models/llama.cpp, and llama-quant.cpp for which tensor gets which type.
import type { DemoModelSpec } from './models.js';

export interface DemoTensor {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  /** Standard deviation of the weights; null for a norm, which is all ones. */
  readonly deviation: number | null;
}

/**
 * With plain weights greedy text soon repeats itself: the next token depends on the current one alone. A faint
 * embedding and sharp attention make the whole context count.
 */
const EMBEDDING_GAIN = 0.5;
const QUERY_KEY_GAIN = 2;
const VALUE_GAIN = 2;

export function demoTensors(spec: DemoModelSpec): DemoTensor[] {
  const { embedding, layers, vocabulary } = spec;
  const blocks = Array.from({ length: layers }, (_, layer) => blockTensors(spec, layer));
  return [
    tensor(spec, 'token_embd', [embedding, vocabulary], EMBEDDING_GAIN * Math.sqrt(embedding)),
    ...blocks.flat(),
    norm('output_norm', embedding),
    tensor(spec, 'output', [embedding, vocabulary]),
  ];
}

function blockTensors(spec: DemoModelSpec, layer: number): DemoTensor[] {
  const { embedding, heads } = spec;
  const keyValueWidth = (embedding / heads) * (spec.keyValueHeads ?? heads);
  const weight = (name: string, shape: readonly number[], gain?: number) =>
    tensor(spec, `blk.${layer}.${name}`, shape, gain, layer);
  return [
    norm(`blk.${layer}.attn_norm`, embedding),
    weight('attn_q', [embedding, embedding], QUERY_KEY_GAIN),
    weight('attn_k', [embedding, keyValueWidth], QUERY_KEY_GAIN),
    weight('attn_v', [embedding, keyValueWidth], VALUE_GAIN),
    weight('attn_output', [embedding, embedding]),
    norm(`blk.${layer}.ffn_norm`, embedding),
    ...feedForward(spec, weight),
  ];
}

function feedForward(
  spec: DemoModelSpec,
  weight: (name: string, shape: readonly number[]) => DemoTensor,
): DemoTensor[] {
  const { kind, embedding, feedForward: width, experts } = spec;
  const [suffix, count] = kind === 'moe' ? ['_exps', [experts]] : ['', []];
  const matrices = [
    weight(`ffn_gate${suffix}`, [embedding, width, ...count]),
    weight(`ffn_up${suffix}`, [embedding, width, ...count]),
    weight(`ffn_down${suffix}`, [width, embedding, ...count]),
  ];
  if (kind === 'dense') return matrices;
  return [{ ...weight('ffn_gate_inp', [embedding, experts]), type: 'f32' }, ...matrices];
}

function norm(name: string, width: number): DemoTensor {
  return { name: `${name}.weight`, type: 'f32', shape: [width], deviation: null };
}

/** Deviation 1/√ne0 keeps the size of what passes through; `gain` multiplies it. */
function tensor(
  spec: DemoModelSpec,
  name: string,
  shape: readonly number[],
  gain = 1,
  layer: number | null = null,
): DemoTensor {
  const deviation = gain / Math.sqrt(shape[0] ?? 1);
  return { name: `${name}.weight`, type: typeOf(spec, name, layer), shape, deviation };
}

function typeOf(spec: DemoModelSpec, name: string, layer: number | null): string {
  const { quantization, layers } = spec;
  if (quantization === 'f16' || quantization === 'q8_0') return quantization;
  if (name === 'output') return 'q6_K';
  // llama-quant.cpp: with 8 experts attention is a small part, so it is kept better.
  if (spec.kind === 'moe' && spec.experts === 8 && /attn_[kv]$/.test(name)) return 'q8_0';
  if (quantization === 'q4_0') return 'q4_0';
  if (spec.kind === 'moe' && spec.experts === 8 && name.endsWith('attn_output')) return 'q5_K';
  const improved = /attn_v$|ffn_down(_exps)?$/.test(name) && layer !== null && useMoreBits(layer, layers);
  return improved ? 'q6_K' : 'q4_K';
}

/** `use_more_bits` of llama-quant.cpp: the first and last eighth of the layers, and every third between. */
function useMoreBits(layer: number, layers: number): boolean {
  const eighth = Math.floor(layers / 8);
  return layer < eighth || layer >= Math.floor((7 * layers) / 8) || (layer - eighth) % 3 === 2;
}
