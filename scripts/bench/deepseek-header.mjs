// SPDX-License-Identifier: MIT
// A GGUF whose header has the size of DeepSeek-V3's: its tensors by name and number of dimensions, with a layer that
// predicts a second token (1,101 in all), and a vocabulary of 129,280 tokens and 127,741 merges. The tensors themselves are small: no reader of headers looks at them.

const layers = 61;
/** The first have a plain feed-forward network instead of experts. */
const denseLayers = 3;
const tokens = 129_280;
const merges = 127_741;

/**
 * Writes it with the writer under dist/ and returns what it holds.
 * @param {string} path
 * @param {{ writeGguf: Function, encode: Record<string, Function> }} writer
 */
export async function writeDeepSeekHeader(path, { writeGguf, encode }) {
  const { ggufString, ggufU32, ggufStrings, ggufI32s } = /** @type {Record<string, Function>} */ (encode);
  const tensors = tensorNames().map((name) => ({
    name,
    type: 'f32',
    shape: dimensionsOf(name),
    fill: (/** @type {Uint8Array} */ buffer) => void buffer.fill(0),
  }));
  const words = wordMaker();
  const metadata = {
    'general.architecture': ggufString?.('deepseek2'),
    'deepseek2.block_count': ggufU32?.(layers + 1),
    'tokenizer.ggml.model': ggufString?.('gpt2'),
    'tokenizer.ggml.tokens': ggufStrings?.(Array.from({ length: tokens }, () => words(1))),
    'tokenizer.ggml.token_type': ggufI32s?.(Array.from({ length: tokens }, () => 1)),
    'tokenizer.ggml.merges': ggufStrings?.(Array.from({ length: merges }, () => `${words(1)} ${words(1)}`)),
    'tokenizer.chat_template': ggufString?.(words(600)),
  };
  await writeGguf(path, { metadata, tensors });
  return { tensors: tensors.length, strings: tokens + merges };
}

function tensorNames() {
  const names = ['token_embd.weight', 'output_norm.weight', 'output.weight'];
  const attention = ['norm', 'q_a', 'q_a_norm', 'q_b', 'kv_a_mqa', 'kv_a_norm', 'k_b', 'v_b', 'output'];
  for (let layer = 0; layer < layers; layer++) {
    const isDense = layer < denseLayers;
    const experts = ['gate_inp', 'gate_exps', 'up_exps', 'down_exps', 'gate_shexp', 'up_shexp', 'down_shexp'];
    const parts = [
      ...attention.map((part) => `attn_${part}.weight`),
      ...['norm', ...(isDense ? ['gate', 'up', 'down'] : experts)].map((part) => `ffn_${part}.weight`),
      ...(isDense ? [] : ['exp_probs_b.bias']),
    ];
    names.push(...parts.map((part) => `blk.${layer}.${part}`));
  }
  const prediction = ['eh_proj', 'embed_tokens', 'enorm', 'hnorm', 'shared_head_head', 'shared_head_norm'];
  names.push(...attention.map((part) => `blk.${layers}.attn_${part}.weight`));
  names.push(...prediction.map((part) => `blk.${layers}.nextn.${part}.weight`));
  return names;
}

/** @param {string} name */
function dimensionsOf(name) {
  if (/norm|bias/.test(name)) return [32];
  return /exps|attn_[kv]_b/.test(name) ? [32, 1, 2] : [32, 2];
}

/** Words of 2 to 11 letters, the same each time. */
function wordMaker() {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 8;
  };
  const word = () =>
    Array.from({ length: 2 + (next() % 10) }, () => String.fromCharCode(97 + (next() % 26))).join('');
  return (/** @type {number} */ count) => Array.from({ length: count }, word).join(' ');
}
