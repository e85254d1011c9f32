// SPDX-License-Identifier: MIT
// A llama.cpp command line as far as placement is concerned.
import type { Wrapper } from './wrappers.js';

/** A value and where it stands, so that a message can name the word to change. */
export interface Setting<Value> {
  readonly value: Value;
  /** As the user wrote it: `-t 8`, `--numa=isolate`, `LLAMA_ARG_THREADS=8`. */
  readonly text: string;
  /** Position of the option in the argument list (0 is the program); null if it came from the environment. */
  readonly index: number | null;
}

export type CommandWarningCode =
  /** llama-bench is given several values: each is one of its runs. */
  | 'several-values'
  /** `--option=value`: llama.cpp takes the value as the next word only. */
  | 'equals-form'
  | 'value-missing'
  | 'value-unreadable'
  /** The model is downloaded or chosen at run time. */
  | 'model-unknown'
  /** A shell's or another program's own: what it starts is not seen. */
  | 'command-unread';

export interface CommandWarning {
  readonly code: CommandWarningCode;
  readonly message: string;
}

/** `mask`: hexadecimal; `range`: lo-hi; `strict`: one CPU a thread. */
export type AffinityKind = 'mask' | 'range' | 'strict';

export interface AffinitySetting extends Setting<string> {
  readonly kind: AffinityKind;
}

export interface LlamaCommand {
  readonly argv: readonly string[];
  /** What stands in front of the program: `numactl`, `taskset`, `env` and the like. */
  readonly wrappers: readonly Wrapper[];
  /** The program behind them. */
  readonly program: Setting<string>;
  /** Its name without folder; of `llama serve` it is `llama-server`. */
  readonly name: string;
  /** `bench`: llama-bench, with lists and ranges and without LLAMA_ARG_*; `other`: not known to be llama.cpp's. */
  readonly kind: 'common' | 'bench' | 'other';
  /** Path of the model (of a split model its first file); null where unknown or several. */
  readonly model: Setting<string> | null;
  readonly draftModel: Setting<string> | null;
  /** Every `-m` of a llama-bench run. */
  readonly models: readonly Setting<string>[];
  /** Threads for generation; null where not given or several. */
  readonly threads: Setting<number> | null;
  /** Whether threads are given in any form: then none may be added. */
  readonly hasThreads: boolean;
  readonly promptThreads: Setting<number> | null;
  readonly numa: Setting<string> | null;
  readonly gpuLayers: Setting<string> | null;
  /** null: not given (llama.cpp repacks) or both in one llama-bench run. */
  readonly repack: Setting<boolean> | null;
  /** As llama.cpp 0.7 names it: `auto`, `none`, `mmap`, `mlock`, `mmap+mlock`, `dio`. */
  readonly loadMode: Setting<string> | null;
  /** Options that pin threads to CPUs. */
  readonly affinity: readonly AffinitySetting[];
  readonly warnings: readonly CommandWarning[];
}
