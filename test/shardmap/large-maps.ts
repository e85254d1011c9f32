// SPDX-License-Identifier: MIT
// Maps of ten thousand rules, each of a kind that could make a reader slow.

const count = 10_000;

function rules(rule: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => rule(index)).join(',');
}

/** `overlaps`: rules that have another of their kind before them. */
export const largeMaps: Record<string, { map: string; overlaps: number }> = {
  'of layers, each in four rules': { map: rules((at) => `${at}-${at + 3}:${at % 4}`), overlaps: count - 1 },
  'of layers, none twice': { map: rules((at) => `${2 * at}:node${at % 4}`), overlaps: 0 },
  'of one role': { map: rules((at) => `attn:${at % 4}`), overlaps: count - 1 },
  'of a role in layers': { map: rules((at) => `${at % 5000}.ffn:2`), overlaps: count / 2 },
  'of names': { map: rules((at) => `name=blk.${at}.attn_q.weight:1`), overlaps: 0 },
  'of globs': { map: rules((at) => `name=*.${at}.*q.weight:1`), overlaps: 0 },
  'of everything by rows': { map: rules(() => '*:rows(3,1-2,0)'), overlaps: count - 1 },
};
