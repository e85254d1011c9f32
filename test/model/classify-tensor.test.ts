// SPDX-License-Identifier: MIT
// Names as real models carry them, architecture by architecture.
import { describe, expect, it } from 'vitest';
import { classifyTensor } from '../../src/model/classify-tensor.js';
import type { Role } from '../../src/model/types.js';

type Row = readonly [name: string, layer: number | null, role: Role];

const architectures: Readonly<Record<string, readonly Row[]>> = {
  llama: [
    ['token_embd.weight', null, 'embed'],
    ['output_norm.weight', null, 'norm'],
    ['output.weight', null, 'output'],
    ['rope_freqs.weight', null, 'other'],
    ['blk.0.attn_norm.weight', 0, 'norm'],
    ['blk.0.attn_q.weight', 0, 'attn'],
    ['blk.0.attn_k.weight', 0, 'attn'],
    ['blk.0.attn_v.weight', 0, 'attn'],
    ['blk.31.attn_output.weight', 31, 'attn'],
    ['blk.31.ffn_norm.weight', 31, 'norm'],
    ['blk.126.ffn_gate.weight', 126, 'ffn'],
    ['blk.126.ffn_up.weight', 126, 'ffn'],
    ['blk.126.ffn_down.weight', 126, 'ffn'],
  ],
  'mixtral before experts were merged': [
    ['blk.3.ffn_gate_inp.weight', 3, 'router'],
    ['blk.3.ffn_gate.0.weight', 3, 'experts'],
    ['blk.3.ffn_down.7.weight', 3, 'experts'],
    ['blk.3.ffn_up.7.weight', 3, 'experts'],
  ],
  qwen2moe: [
    ['blk.5.attn_q.bias', 5, 'attn'],
    ['blk.5.ffn_gate_inp.weight', 5, 'router'],
    ['blk.5.ffn_gate_exps.weight', 5, 'experts'],
    ['blk.5.ffn_down_exps.weight', 5, 'experts'],
    ['blk.5.ffn_up_exps.weight', 5, 'experts'],
    ['blk.5.ffn_gate_inp_shexp.weight', 5, 'shared'],
    ['blk.5.ffn_gate_shexp.weight', 5, 'shared'],
    ['blk.5.ffn_down_shexp.weight', 5, 'shared'],
  ],
  'qwen3 and qwen3moe': [
    ['blk.47.attn_q_norm.weight', 47, 'norm'],
    ['blk.47.attn_k_norm.weight', 47, 'norm'],
    ['blk.47.ffn_gate_up_exps.weight', 47, 'experts'],
  ],
  'deepseek2 (MLA)': [
    ['blk.60.attn_q_a.weight', 60, 'attn'],
    ['blk.60.attn_q_a_norm.weight', 60, 'norm'],
    ['blk.60.attn_q_b.weight', 60, 'attn'],
    ['blk.60.attn_kv_a_mqa.weight', 60, 'attn'],
    ['blk.60.attn_kv_a_norm.weight', 60, 'norm'],
    ['blk.60.attn_kv_b.weight', 60, 'attn'],
    ['blk.60.attn_k_b.weight', 60, 'attn'],
    ['blk.60.attn_v_b.weight', 60, 'attn'],
    ['blk.60.exp_probs_b.bias', 60, 'router'],
    ['blk.60.indexer.attn_k.weight', 60, 'attn'],
    ['blk.60.indexer.k_norm.weight', 60, 'norm'],
    ['blk.61.nextn.eh_proj.weight', 61, 'other'],
    ['blk.61.nextn.enorm.weight', 61, 'norm'],
    ['blk.61.nextn.hnorm.weight', 61, 'norm'],
    ['blk.61.nextn.embed_tokens.weight', 61, 'embed'],
    ['blk.61.nextn.shared_head_head.weight', 61, 'output'],
    ['blk.61.nextn.shared_head_norm.weight', 61, 'norm'],
  ],
  'gpt-oss and arctic': [
    ['blk.0.attn_sinks.weight', 0, 'attn'],
    ['blk.0.attn_output.bias', 0, 'attn'],
    ['blk.0.ffn_gate_inp.bias', 0, 'router'],
    ['blk.0.ffn_down_exps.bias', 0, 'experts'],
    ['blk.0.ffn_norm_exps.weight', 0, 'norm'],
  ],
  'mamba and jamba': [
    ['blk.9.ssm_in.weight', 9, 'ssm'],
    ['blk.9.ssm_conv1d.weight', 9, 'ssm'],
    ['blk.9.ssm_conv1d.bias', 9, 'ssm'],
    ['blk.9.ssm_a', 9, 'ssm'],
    ['blk.9.ssm_d', 9, 'ssm'],
    ['blk.9.ssm_dt.bias', 9, 'ssm'],
    ['blk.9.ssm_dt_norm.weight', 9, 'norm'],
    ['blk.9.ssm_out.weight', 9, 'ssm'],
    ['blk.9.ffn_gate_inp.weight', 9, 'router'],
  ],
  'rwkv and lfm2': [
    ['token_embd_norm.weight', null, 'norm'],
    ['blk.2.attn_norm_2.bias', 2, 'norm'],
    ['blk.2.time_mix_key.weight', 2, 'ssm'],
    ['blk.2.time_mix_ln.weight', 2, 'norm'],
    ['blk.2.time_mix_first.weight', 2, 'ssm'],
    ['blk.2.channel_mix_value.weight', 2, 'ffn'],
    ['blk.2.shortconv.in_proj.weight', 2, 'ssm'],
  ],
  gemma: [
    ['blk.1.post_attention_norm.weight', 1, 'norm'],
    ['blk.1.post_ffw_norm.weight', 1, 'norm'],
    ['blk.1.pre_ffw_norm_2.weight', 1, 'norm'],
    ['blk.1.layer_output_scale.weight', 1, 'other'],
    ['blk.1.laurel_post_norm.weight', 1, 'norm'],
    ['blk.1.altup_router.weight', 1, 'other'],
    ['per_layer_token_embd.weight', null, 'embed'],
    ['per_layer_proj_norm.weight', null, 'norm'],
    ['per_layer_model_proj.weight', null, 'other'],
  ],
  bert: [
    ['token_types.weight', null, 'embed'],
    ['position_embd.weight', null, 'embed'],
    ['token_embd_norm.bias', null, 'norm'],
    ['blk.11.attn_qkv.weight', 11, 'attn'],
    ['blk.11.attn_output_norm.weight', 11, 'norm'],
    ['blk.11.layer_output_norm.bias', 11, 'norm'],
    ['cls.output.weight', null, 'other'],
  ],
  t5: [
    ['enc.blk.0.attn_rel_b.weight', 0, 'attn'],
    ['enc.blk.23.attn_o.weight', 23, 'attn'],
    ['enc.blk.23.ffn_up.weight', 23, 'ffn'],
    ['enc.output_norm.weight', null, 'norm'],
    ['dec.blk.23.cross_attn_q.weight', 23, 'attn'],
    ['dec.blk.23.cross_attn_norm.weight', 23, 'norm'],
    ['dec.output_norm.weight', null, 'norm'],
  ],
  'what belongs to no language model': [
    ['v.blk.3.attn_q.weight', null, 'other'],
    ['v.post_ln.weight', null, 'other'],
    ['mm.0.weight', null, 'other'],
    ['blk.3.attn_q.weight.lora_a', null, 'other'],
    ['cache_k_l3', null, 'other'],
  ],
  'what only looks like a block': [
    ['blk.attn_q.weight', null, 'other'],
    ['blk.-1.attn_q.weight', null, 'other'],
    ['blk.99999999999999999999.attn_q.weight', null, 'other'],
    ['xblk.0.attn_q.weight', null, 'other'],
    ['blk.0.normal_thing.weight', 0, 'other'],
    ['blk.0.my_attn_q.weight', 0, 'other'],
    ['output_extra.weight', null, 'other'],
  ],
};

describe.each(Object.entries(architectures))('%s', (_, rows) => {
  it.each(rows)('%s', (name, layer, role) => {
    expect(classifyTensor(name)).toEqual({ layer, role });
  });
});
