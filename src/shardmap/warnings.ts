// SPDX-License-Identifier: MIT
// What a map says that its writer may not have meant: overlaps, rules without effect, large tensors forgotten.
import type { Model, ModelTensor } from '../model/types.js';
import { isLanguageWeight } from './find-rule.js';
import { type ModelReach, type RuleReach, reachInAnyModel } from './rule-reach.js';
import { excerpt } from './rule-text.js';
import type { MapWarning, MapWarningCode, Rule, ShardMap } from './types.js';

/** A tensor above this share of the model's bytes is large. */
const largeShare = 0.01;

/** Ordered by column, then by code. */
export function findWarnings(map: ShardMap, model: Model, { rules, winners }: ModelReach): MapWarning[] {
  const unmatched = map.filter((rule, index) => !rules[index]?.matched && !isForeignName(rule));
  return inOrder([
    ...unmatched.map((rule) => warn(rule, 'rule-matches-nothing', 'no tensor of this model has such a name')),
    ...warnAboutRules(map, rules),
    ...warnAboutFallback(map, model, winners),
  ]);
}

/** What can be said without a model: overlaps and rules that no tensor of any model would follow. */
export function checkShardMap(map: ShardMap): MapWarning[] {
  return inOrder(warnAboutRules(map, reachInAnyModel(map)));
}

function inOrder(warnings: MapWarning[]): MapWarning[] {
  return warnings.sort((a, b) => a.column - b.column || a.code.localeCompare(b.code));
}

function warnAboutRules(map: ShardMap, reach: readonly RuleReach[]): MapWarning[] {
  return map.flatMap((rule, index) => {
    const { matched, won, overlap } = reach[index] ?? { matched: false };
    const found: MapWarning[] = [];
    if (overlap) {
      const which = overlap.name === '' ? 'some tensors' : excerpt(overlap.name);
      const problem = `the rule at column ${overlap.first.column} stands before it for ${which}`;
      found.push(warn(rule, 'rule-overlap', problem));
    }
    if (matched && !won) found.push(warn(rule, 'rule-never-wins', 'other rules take all that it names'));
    return found;
  });
}

/** KV, image encoders and adapters are not in the model's file: a rule for them matches nothing here. */
function isForeignName({ selector }: Rule): boolean {
  return selector.kind === 'name' && !isLanguageWeight(selector.glob);
}

function warn(rule: Rule, code: MapWarningCode, problem: string): MapWarning {
  const message = `shard map, column ${rule.column}, rule '${excerpt(rule.text)}': ${problem}`;
  return { code, message, column: rule.column };
}

function warnAboutFallback(map: ShardMap, model: Model, winners: readonly (Rule | null)[]): MapWarning[] {
  const isLarge = (tensor: ModelTensor) =>
    tensor.role === 'output' ? tensor.shape.length > 1 : tensor.byteLength > largeShare * model.byteLength;
  const left = map.length === 0 ? [] : model.tensors.filter((t, at) => winners[at] === null && isLarge(t));
  if (left.length === 0) return [];
  const byteLength = left.reduce((sum, tensor) => sum + tensor.byteLength, 0);
  const outputFirst = left.toSorted((a, b) => Number(b.role === 'output') - Number(a.role === 'output'));
  const names = outputFirst.slice(0, 3).map(({ name }) => excerpt(name));
  const more = left.length > names.length ? ` and ${left.length - names.length} more` : '';
  const percent = ((100 * byteLength) / model.byteLength).toFixed(1);
  const message = `shard map: no rule names ${names.join(', ')}${more} (${percent} % of the bytes): round robin by layer`;
  return [{ code: 'large-tensor-unnamed', message, column: 1 }];
}
