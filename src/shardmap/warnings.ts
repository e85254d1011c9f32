// SPDX-License-Identifier: MIT
// What a map says that its writer may not have meant: overlaps, rules without effect, large tensors forgotten.
import type { Model, ModelTensor } from '../model/types.js';
import { findRule, isLanguageWeight, matchRule, type Subject } from './find-rule.js';
import { maxLayer, roles } from './limits.js';
import { excerpt } from './rule-text.js';
import type { MapWarning, MapWarningCode, Rule, ShardMap } from './types.js';

/** A tensor above this share of the model's bytes is large. */
const largeShare = 0.01;

/** Ordered by column, then by code. */
export function findWarnings(map: ShardMap, model: Model): MapWarning[] {
  return inOrder([...warnAboutRules(map, model.tensors, true), ...warnAboutFallback(map, model)]);
}

/** What can be said without a model: overlaps and rules that no tensor of any model would follow. */
export function checkShardMap(map: ShardMap): MapWarning[] {
  return inOrder(warnAboutRules(map, imaginedSubjects(map), false));
}

function inOrder(warnings: MapWarning[]): MapWarning[] {
  return warnings.sort((a, b) => a.column - b.column || a.code.localeCompare(b.code));
}

interface RuleRecord {
  matched: boolean;
  won: boolean;
  /** A rule of the same kind that stands before this one, and a tensor that both name. */
  overlap: { first: Rule; name: string } | undefined;
}

function warnAboutRules(map: ShardMap, subjects: readonly Subject[], isModel: boolean): MapWarning[] {
  const records = recordMatches(map, subjects);
  return map.flatMap((rule) => {
    const record = records.get(rule);
    if (record === undefined || !record.matched) {
      return isModel && !isForeignName(rule)
        ? [warn(rule, 'rule-matches-nothing', 'no tensor of this model has such a name')]
        : [];
    }
    const found: MapWarning[] = [];
    if (record.overlap) {
      const { first, name } = record.overlap;
      const which = name === '' ? 'some tensors' : name;
      found.push(
        warn(rule, 'rule-overlap', `the rule at column ${first.column} stands before it for ${which}`),
      );
    }
    if (!record.won) found.push(warn(rule, 'rule-never-wins', 'other rules take every tensor it names'));
    return found;
  });
}

function recordMatches(map: ShardMap, subjects: readonly Subject[]): Map<Rule, RuleRecord> {
  const records = new Map<Rule, RuleRecord>();
  for (const subject of subjects) {
    const winner = findRule(map, subject);
    /** By kind of selector: the first rule that names the subject, and the first that only covers it. */
    const firsts = new Map<string, Rule>();
    for (const rule of map) {
      const match = matchRule(rule, subject);
      if (match === 'no') continue;
      const record = records.get(rule) ?? { matched: false, won: false, overlap: undefined };
      const key = `${rule.selector.kind} ${match}`;
      const first = firsts.get(key);
      if (first) record.overlap ??= { first, name: subject.name };
      else firsts.set(key, rule);
      record.matched = true;
      record.won ||= rule === winner;
      records.set(rule, record);
    }
  }
  return records;
}

/** KV, image encoders and adapters are not in the model's file: a rule for them matches nothing here. */
function isForeignName({ selector }: Rule): boolean {
  return selector.kind === 'name' && !isLanguageWeight(selector.glob);
}

function warn(rule: Rule, code: MapWarningCode, problem: string): MapWarning {
  const message = `shard map, column ${rule.column}, rule '${excerpt(rule.text)}': ${problem}`;
  return { code, message, column: rule.column };
}

/** Every role in a layer of each stretch between the map's bounds, and outside the layers; each name as written. */
function imaginedSubjects(map: ShardMap): Subject[] {
  const layers = new Set<number | null>([null, maxLayer + 1]);
  const names = new Set<string>();
  for (const { selector } of map) {
    if (selector.kind === 'name') names.add(selector.glob);
    if (selector.kind !== 'layers' && selector.kind !== 'layers.role') continue;
    layers
      .add(selector.first)
      .add(selector.last)
      .add(selector.last + 1);
  }
  const unnamed = [...layers].flatMap((layer) => roles.map((role) => ({ name: '', layer, role })));
  const named = [...names].map((name) => ({ name, layer: null, role: 'other' as const }));
  return [...unnamed, ...named];
}

function warnAboutFallback(map: ShardMap, model: Model): MapWarning[] {
  const isLarge = (tensor: ModelTensor) =>
    tensor.role === 'output' ? tensor.shape.length > 1 : tensor.byteLength > largeShare * model.byteLength;
  const left = map.length === 0 ? [] : model.tensors.filter((t) => isLarge(t) && findRule(map, t) === null);
  if (left.length === 0) return [];
  const byteLength = left.reduce((sum, tensor) => sum + tensor.byteLength, 0);
  const outputFirst = left.toSorted((a, b) => Number(b.role === 'output') - Number(a.role === 'output'));
  const names = outputFirst.slice(0, 3).map(({ name }) => excerpt(name));
  const more = left.length > names.length ? ` and ${left.length - names.length} more` : '';
  const percent = ((100 * byteLength) / model.byteLength).toFixed(1);
  const message = `shard map: no rule names ${names.join(', ')}${more} (${percent} % of the bytes): round robin by layer`;
  return [{ code: 'large-tensor-unnamed', message, column: 1 }];
}
