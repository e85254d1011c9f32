// SPDX-License-Identifier: MIT
// The options of llama.cpp that matter to placement, with their spellings and environment variables.
// Source of truth: common/arg.cpp and tools/llama-bench/llama-bench.cpp of llama.cpp; 0.7.0 and, marked old, before.

export type OptionKey =
  | 'model'
  | 'remoteModel'
  | 'draftModel'
  | 'threads'
  | 'promptThreads'
  | 'numa'
  | 'gpuLayers'
  | 'repack'
  | 'loadMode'
  | 'mmap'
  | 'mlock'
  | 'cpuMask'
  | 'cpuRange'
  | 'cpuStrict'
  /** Free text, which may look like an option and is not. */
  | 'text';

export interface Option {
  readonly key: OptionKey;
  /** What the bare word means; null: the next word is the value. */
  readonly implied: string | null;
}

export interface EnvironmentOption {
  readonly variable: string;
  readonly key: OptionKey;
  /** What it means that the variable is there at all, whatever its value. */
  readonly implied?: string;
}

/** For every program but llama-bench. */
export const commonOptions: ReadonlyMap<string, Option> = optionTable([
  ['model', null, '-m', '--model'],
  ['remoteModel', null, '-hf', '-hfr', '--hf-repo', '-mu', '--model-url', '-dr', '--docker-repo'],
  ['remoteModel', null, '--models-dir', '--models-preset'],
  ['draftModel', null, '-md', '--model-draft', '--spec-draft-model'],
  ['text', null, '--lora', '--lora-scaled', '--mmproj', '-mm', '-ot', '--override-tensor'],
  ['threads', null, '-t', '--threads'],
  ['promptThreads', null, '-tb', '--threads-batch'],
  ['numa', null, '--numa'],
  ['gpuLayers', null, '-ngl', '--gpu-layers', '--n-gpu-layers'],
  ['repack', '1', '--repack'],
  ['repack', '0', '-nr', '--no-repack'],
  ['loadMode', null, '-lm', '--load-mode'],
  ['loadMode', 'dio', '-dio', '--direct-io'], // old
  ['mmap', '1', '--mmap'], // old
  ['mmap', '0', '--no-mmap'], // old
  ['mlock', '1', '--mlock'], // old
  ['cpuMask', null, '-C', '--cpu-mask', '-Cb', '--cpu-mask-batch', '-Cd', '--cpu-mask-draft'],
  ['cpuMask', null, '--spec-draft-cpu-mask', '-Cbd', '--cpu-mask-batch-draft', '--spec-draft-cpu-mask-batch'],
  ['cpuRange', null, '-Cr', '--cpu-range', '-Crb', '--cpu-range-batch'],
  ['cpuRange', null, '-Crd', '--cpu-range-draft', '--spec-draft-cpu-range'],
  ['cpuStrict', null, '--cpu-strict', '--cpu-strict-batch'],
  ['cpuStrict', null, '--cpu-strict-draft', '--spec-draft-cpu-strict'],
  ['cpuStrict', null, '--cpu-strict-batch-draft', '--spec-draft-cpu-strict-batch'],
  [
    'text',
    null,
    '-p',
    '--prompt',
    '-sys',
    '--system-prompt',
    '-r',
    '--reverse-prompt',
    '--grammar',
    '-a',
    '--alias',
  ],
]);

export const benchOptions: ReadonlyMap<string, Option> = optionTable([
  ['model', null, '-m', '--model'],
  ['remoteModel', null, '-hf', '-hfr', '--hf-repo'],
  ['threads', null, '-t', '--threads'],
  ['numa', null, '--numa'],
  ['gpuLayers', null, '-ngl', '--n-gpu-layers'],
  ['repack', null, '--repack'],
  ['loadMode', null, '-lm', '--load-mode'],
  ['loadMode', 'dio', '-dio', '--direct-io'], // old
  ['mmap', null, '-mmp', '--mmap'], // old
  ['cpuMask', null, '-C', '--cpu-mask'],
  ['cpuStrict', null, '--cpu-strict'],
]);

/** An argument wins over its variable. llama-bench reads none of them. */
export const environmentOptions: readonly EnvironmentOption[] = [
  { variable: 'LLAMA_ARG_MODEL', key: 'model' },
  { variable: 'LLAMA_ARG_HF_REPO', key: 'remoteModel' },
  { variable: 'LLAMA_ARG_MODEL_URL', key: 'remoteModel' },
  { variable: 'LLAMA_ARG_DOCKER_REPO', key: 'remoteModel' },
  { variable: 'LLAMA_ARG_MODELS_DIR', key: 'remoteModel' },
  { variable: 'LLAMA_ARG_MODELS_PRESET', key: 'remoteModel' },
  { variable: 'LLAMA_ARG_MODEL_DRAFT', key: 'draftModel' }, // old
  { variable: 'LLAMA_ARG_SPEC_DRAFT_MODEL', key: 'draftModel' },
  { variable: 'LLAMA_ARG_THREADS', key: 'threads' },
  { variable: 'LLAMA_ARG_NUMA', key: 'numa' },
  { variable: 'LLAMA_ARG_N_GPU_LAYERS', key: 'gpuLayers' },
  { variable: 'LLAMA_ARG_REPACK', key: 'repack' },
  { variable: 'LLAMA_ARG_NO_REPACK', key: 'repack', implied: '0' },
  { variable: 'LLAMA_ARG_LOAD_MODE', key: 'loadMode' },
  { variable: 'LLAMA_ARG_MMAP', key: 'mmap' }, // old
  { variable: 'LLAMA_ARG_NO_MMAP', key: 'mmap', implied: '0' }, // old
  { variable: 'LLAMA_ARG_MLOCK', key: 'mlock' }, // old
];

/** Options that name a model to download by themselves, such as `--gpt-oss-20b-default`. */
export function isModelPreset(word: string): boolean {
  return /^--[a-z0-9.-]+-(?:default|spec)$/.test(word) && word !== '--spec-default';
}

/** Programs of llama.cpp that compute and take `-t`; others with the same prefix may not. */
export const programsWithThreads: ReadonlySet<string> = new Set(
  (
    'batched batched-bench bench cli completion embedding eval-callback fit-params imatrix lookahead lookup mtmd-cli ' +
    'parallel passkey perplexity results retrieval save-load-state server speculative speculative-simple tts'
  )
    .split(' ')
    .map((name) => `llama-${name}`),
);

/** Commands of the one program `llama` that release builds have, and the program that each is (app/llama.cpp). */
export const llamaCommands: ReadonlyMap<string, string> = new Map([
  ...['serve', 'server'].map((word) => [word, 'llama-server'] as const),
  ...['cli', 'client'].map((word) => [word, 'llama-cli'] as const),
  ...['completion', 'complete'].map((word) => [word, 'llama-completion'] as const),
  ['bench', 'llama-bench'],
]);

function optionTable(
  rows: readonly (readonly [OptionKey, string | null, ...string[]])[],
): Map<string, Option> {
  return new Map(
    rows.flatMap(([key, implied, ...words]) => words.map((word) => [word, { key, implied }] as const)),
  );
}
