// SPDX-License-Identifier: MIT
// A language model as numashard sees it: tensors with the layer and the role that their names give them.
import type { GgufTensor } from '../gguf/types.js';

/** What a tensor is for. A tied embedding that serves as output matrix is `output`. */
export type Role =
  | 'attn'
  | 'ffn'
  | 'experts'
  | 'shared'
  | 'router'
  | 'norm'
  | 'embed'
  | 'output'
  | 'ssm'
  | 'other';

export interface ModelTensor extends GgufTensor {
  /** N of `blk.N.…`, null outside the blocks. */
  readonly layer: number | null;
  readonly role: Role;
}

export interface Model {
  readonly architecture: string;
  readonly blockCount: number;
  /** Sum over the tensors, in bytes. */
  readonly byteLength: number;
  readonly files: readonly { readonly path: string; readonly byteLength: number }[];
  readonly tensors: readonly ModelTensor[];
}
