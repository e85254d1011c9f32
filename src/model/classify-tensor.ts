// SPDX-License-Identifier: MIT
// What a tensor is for, from its name alone. Source of truth: the name tables of llama.cpp (LLM_TENSOR_NAMES,
// 0.7.0) and design's words; the native header keeps the same rules in the same order.
import type { Role } from './types.js';

export interface TensorClass {
  /** N of `blk.N.…` (also `enc.blk.N.…` and `dec.blk.N.…`), null outside the blocks. */
  readonly layer: number | null;
  readonly role: Role;
}

/** Six digits: no model has a million layers, and the number stays exact. */
const inBlock = /^(?:enc\.|dec\.)?blk\.(\d{1,6})\.(.+)$/;
const suffix = /\.(?:weight|bias|scale|input_scale)$/;

/**
 * Roles speak of language-model weights: names of other files (`v.blk.…` of a vision tower, `….lora_a`)
 * are `other`. Whether `token_embd` is a tied output matrix needs the whole model: see `describeModel`.
 */
export function classifyTensor(name: string): TensorClass {
  if (/\.lora_[ab]$/.test(name)) return { layer: null, role: 'other' };
  const match = inBlock.exec(name);
  if (match) return { layer: Number(match[1]), role: roleInBlock((match[2] ?? '').replace(suffix, '')) };
  return { layer: null, role: roleOutside(name.replace(suffix, '')) };
}

/** "norm" as a word (`attn_q_norm`, `attn_norm_2`, `ffn_norm_exps`, `norm1`), enorm and hnorm of MTP, RWKV's ln. */
const norm = /(?:^|[._])(?:[eh]?norm\d*|ln)(?:[._]|$)/;

function roleOutside(base: string): Role {
  if (/^(?:mm|v|a|mtmd|resampler)\./.test(base)) return 'other';
  if (norm.test(base)) return 'norm';
  if (base === 'output') return 'output';
  if (/^(?:token_embd|position_embd|token_types|per_layer_token_embd)$/.test(base)) return 'embed';
  return 'other';
}

/** The first that fits, from the particular to the general. */
const blockRoles: readonly (readonly [RegExp, Role])[] = [
  [norm, 'norm'],
  [/^ffn_gate_inp$|^ffn_gate_tid2eid$|^exp_probs_b/, 'router'],
  [/^ffn_.*shexp$/, 'shared'],
  // `ffn_gate.3`: experts in separate tensors, as the first Mixtral files had them.
  [/^ffn_.*exps$|^ffn_(?:gate|down|up)\.\d+$/, 'experts'],
  [/^(?:cross_|vis_)?attn_|^indexer[._]/, 'attn'],
  // RWKV's two halves stand for recurrence and for the feed-forward network.
  [/^ffn[._]|^vis_(?:gate|up|down)$|^channel_mix_/, 'ffn'],
  [/^ssm_|^time_mix_|^shortconv\./, 'ssm'],
  [/^nextn\.embed_tokens$/, 'embed'],
  [/^nextn\.shared_head_head$/, 'output'],
];

function roleInBlock(base: string): Role {
  for (const [pattern, role] of blockRoles) {
    if (pattern.test(base)) return role;
  }
  return 'other';
}
