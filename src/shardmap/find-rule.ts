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
  let strongest = weakest + 1;
  eachMatch(map, subject, (rule, strength) => {
    if (strength >= strongest) return;
    winner = rule;
    strongest = strength;
  });
  return winner;
}

/** Strengths count from 0, the strongest, to this; rules of one strength on one tensor overlap. */
export const weakest = 2 * precedence.length - 1;

/** The rules that name a tensor, in the order of the map; a smaller `strength` wins. */
export function eachMatch(
  map: ShardMap,
  subject: Subject,
  emit: (rule: Rule, strength: number, index: number) => void,
): void {
  const isLanguage = isLanguageWeight(subject.name);
  for (const [index, rule] of map.entries()) {
    const { kind } = rule.selector;
    if (kind !== 'name' && !isLanguage) continue;
    const match = matchSelector(rule.selector, subject);
    if (match !== 'no') emit(rule, strengthOf(kind, match), index);
  }
}

/** `covers`: the rule says `ffn` and the tensor is a part of it that another rule may name. */
type Match = 'yes' | 'covers';

/** `ffn` stands behind a rule of its own kind that names the part. */
function strengthOf(kind: Selector['kind'], match: Match): number {
  return 2 * precedence.indexOf(kind) + (match === 'covers' ? 1 : 0);
}

function matchSelector(selector: Selector, { name, layer, role }: Subject): Match | 'no' {
  if (selector.kind === 'name') return matchesGlob(selector.glob, name) ? 'yes' : 'no';
  if (selector.kind === 'any') return 'yes';
  if (selector.kind !== 'role' && (layer === null || layer < selector.first || layer > selector.last))
    return 'no';
  return selector.kind === 'layers' ? 'yes' : matchRole(selector.role, role);
}

/** What a rule that says `written` does with tensors of a role. */
export function matchRole(written: Role, role: Role): Match | 'no' {
  if (written === role) return 'yes';
  return written === 'ffn' && ffnParts.has(role) ? 'covers' : 'no';
}

const ffnParts: ReadonlySet<Role> = new Set(['experts', 'shared', 'router']);

/** Not KV or recurrent state, not a compute buffer, not an image or audio encoder, not an adapter: those go by `name=` alone. */
export function isLanguageWeight(name: string): boolean {
  return !/^(?:cache_|compute$|mm\.|v\.|a\.|mtmd\.|resampler\.)|\.lora_[ab]$/.test(name);
}
