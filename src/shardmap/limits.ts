// SPDX-License-Identifier: MIT
// Limits of a shard map, which is untrusted input, and the words of its grammar. The same numbers stand in
// native/include/ggml-numa-shard.h.
import type { Role } from '../model/types.js';

/** Bytes of text: Linux takes no environment string over 2 MiB, and 128 KiB with 4 KiB pages. */
export const maxMapByteLength = 1 << 20;
/** Node ids end below this: the kernel's NODES_SHIFT is at most 10. */
export const maxNodes = 1024;
/** Nodes listed in all rules together: each costs memory and a look at the machine. A thousand rules may list 1,024. */
export const maxListedNodes = 1 << 20;
/** Nine digits: exact everywhere, and far above any model. */
export const maxLayer = 999_999_999;
/** Slices of `cyclic`: Linux has no more CPUs (NR_CPUS of x86-64). */
export const maxSlices = 8192;
/** The kernel's weighted interleave keeps a node's weight in eight bits. */
export const maxWeight = 255;

/** Stands alone instead of a map: announce and report, change nothing. */
export const observeWord = 'observe';

export const roles: readonly Role[] = [
  'attn',
  'ffn',
  'experts',
  'shared',
  'router',
  'norm',
  'embed',
  'output',
  'ssm',
  'other',
];

export const targetWords = ['interleave', 'weighted', 'rows', 'cyclic'] as const;
