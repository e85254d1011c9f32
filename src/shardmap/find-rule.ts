// SPDX-License-Identifier: MIT
// Which rule wins a tensor: name= over layers.role over role over layers over *; among equals the first.
import type { Role } from '../model/types.js';
import { matchesGlob } from './glob.js';
import type { Rule, Selector, ShardMap } from './types.js';

/** What a rule can ask of a tensor. */
export interface Subject {
  readonly name: string;
  readonly layer: number | null;
  readonly role: Role;
}

/** From the strongest claim to the weakest. */
export const precedence: readonly Selector['kind'][] = ['name', 'layers.role', 'role', 'layers', 'any'];

/** Null: no rule names it, it goes round robin by layer. */
export function findRule(map: ShardMap, subject: Subject): Rule | null {
  let winner: Rule | null = null;
  let strength = Number.POSITIVE_INFINITY;
  for (const rule of map) {
    const match = matchRule(rule, subject);
    if (match === 'no') continue;
    // `ffn` stands behind a rule of its own kind that names the part: half a step weaker.
    const rank = precedence.indexOf(rule.selector.kind) + (match === 'covers' ? 0.5 : 0);
    if (rank >= strength) continue;
    winner = rule;
    strength = rank;
  }
  return winner;
}

/** `covers`: the rule says `ffn` and the tensor is a part of it that another rule may name. */
export function matchRule({ selector }: Rule, { name, layer, role }: Subject): 'yes' | 'covers' | 'no' {
  if (selector.kind === 'name') return matchesGlob(selector.glob, name) ? 'yes' : 'no';
  if (!isLanguageWeight(name)) return 'no';
  if (selector.kind === 'any') return 'yes';
  if (selector.kind !== 'role' && (layer === null || layer < selector.first || layer > selector.last))
    return 'no';
  if (selector.kind === 'layers' || selector.role === role) return 'yes';
  return selector.role === 'ffn' && ffnParts.has(role) ? 'covers' : 'no';
}

const ffnParts: ReadonlySet<Role> = new Set(['experts', 'shared', 'router']);

/** Not KV or recurrent state, not an image or audio encoder, not an adapter: those go by `name=` alone. */
export function isLanguageWeight(name: string): boolean {
  return !/^(?:cache_|mm\.|v\.|a\.|mtmd\.|resampler\.)|\.lora_[ab]$/.test(name);
}
