// SPDX-License-Identifier: MIT
// What each rule of a map takes, and which rule stands before it: of a model's tensors, or, without a model, of
// every role in every layer that the map tells apart.

import { eachMatch, matchRole, precedence, type Subject, weakest } from './find-rule.js';
import { matchesGlob } from './glob.js';
import { roles } from './limits.js';
import type { Rule, ShardMap } from './types.js';

export interface RuleReach {
  matched: boolean;
  won: boolean;
  /** A rule of the same kind that stands before this one, and a tensor that both name ('' without a model). */
  overlap: { readonly first: Rule; readonly name: string } | undefined;
}

export interface ModelReach {
  /** One a rule, in the order of the map. */
  readonly rules: readonly RuleReach[];
  /** One a tensor: the rule that wins it. */
  readonly winners: readonly (Rule | null)[];
}

export function reachInModel(map: ShardMap, subjects: readonly Subject[]): ModelReach {
  const reach = noReach(map);
  const firsts: (number | undefined)[] = [];
  const winners = subjects.map((subject) => {
    firsts.fill(undefined);
    let winner = -1;
    let strongest = weakest + 1;
    eachMatch(map, subject, (_rule, strength, index) => {
      const first = firsts[strength];
      if (first === undefined) firsts[strength] = index;
      note(map, reach[index], first, subject.name);
      if (strength >= strongest) return;
      winner = index;
      strongest = strength;
    });
    markWon(reach[winner]);
    return map[winner] ?? null;
  });
  return { rules: reach, winners };
}

/** One a rule, in the order of the map. In one pass for each role over the stretches between the map's layers: near to linear in the rules. */
export function reachInAnyModel(map: ShardMap): RuleReach[] {
  const reach = noReach(map);
  const takesAll = reachOfNames(map, reach);
  const bounds = layerBounds(map);
  for (const role of roles) {
    const winners = openBand(bounds.size);
    if (takesAll >= 0) winners.paint(0, bounds.size - 1, takesAll);
    for (const kind of precedence.slice(1)) {
      for (const match of ['yes', 'covers'] as const) {
        const named = openBand(bounds.size);
        for (const [index, { selector }] of map.entries()) {
          if (selector.kind === 'name' || selector.kind !== kind) continue;
          const hasRole = selector.kind === 'role' || selector.kind === 'layers.role';
          if ((hasRole ? matchRole(selector.role, role) : 'yes') !== match) continue;
          const hasLayers = selector.kind === 'layers' || selector.kind === 'layers.role';
          const from = hasLayers ? bounds.at(selector.first) : 0;
          const to = hasLayers ? bounds.at(selector.last + 1) - 1 : bounds.size - 1;
          note(map, reach[index], named.paint(from, to, index).met, '');
          if (winners.paint(from, to, index).painted) markWon(reach[index]);
        }
      }
    }
  }
  return reach;
}

function noReach(map: ShardMap): RuleReach[] {
  return map.map(() => ({ matched: false, won: false, overlap: undefined }));
}

function note(map: ShardMap, reach: RuleReach | undefined, first: number | undefined, name: string): void {
  if (reach === undefined) return;
  reach.matched = true;
  const rule = first === undefined ? undefined : map[first];
  if (rule !== undefined) reach.overlap ??= { first: rule, name };
}

function markWon(reach: RuleReach | undefined): void {
  if (reach !== undefined) reach.won = true;
}

/** Pairs of globs compared: all of them in a map of 2,000, and below a second. Past it only equal texts overlap. */
const maxGlobPairs = 4_000_000;

/**
 * Two globs overlap where one takes the other's text as a name. Answers with the first rule that takes every name,
 * -1 if there is none.
 */
function reachOfNames(map: ShardMap, reach: RuleReach[]): number {
  const texts = new Map<string, number>();
  const patterns = new Map<string, number>();
  let takesAll = -1;
  let pairs = 0;
  const find = (entries: Map<string, number>, isWanted: (text: string) => boolean) => {
    for (const [text, index] of entries) {
      if (++pairs > maxGlobPairs) return undefined;
      if (isWanted(text)) return index;
    }
    return undefined;
  };
  for (const [index, { selector }] of map.entries()) {
    if (selector.kind !== 'name') continue;
    const { glob } = selector;
    const isPattern = /[*?]/.test(glob);
    const covering = texts.get(glob) ?? find(patterns, (pattern) => matchesGlob(pattern, glob));
    const met = covering ?? (isPattern ? find(texts, (text) => matchesGlob(glob, text)) : undefined);
    note(map, reach[index], met, '');
    if (covering !== undefined) continue;
    markWon(reach[index]);
    if (takesAll < 0 && /^\*+$/.test(glob)) takesAll = index;
    texts.set(glob, index);
    if (isPattern) patterns.set(glob, index);
  }
  return takesAll;
}

/** Stretch 0 is outside the layers; stretch `at(n)` begins with layer n. */
function layerBounds(map: ShardMap): { size: number; at(layer: number): number } {
  const bounds = new Set([0]);
  for (const { selector } of map) {
    if (selector.kind === 'layers' || selector.kind === 'layers.role')
      bounds.add(selector.first).add(selector.last + 1);
  }
  const order = new Map([...bounds].sort((a, b) => a - b).map((layer, index) => [layer, index + 1]));
  return { size: bounds.size + 1, at: (layer) => order.get(layer) ?? 0 };
}

interface Band {
  /** Paints what is bare from one stretch to another; `met`: a rule that had painted there before. */
  paint(from: number, to: number, rule: number): { painted: boolean; met: number | undefined };
}

/** Painted stretches are skipped (union-find), so that each is visited once however many rules name it. */
function openBand(size: number): Band {
  const owner = new Int32Array(size);
  const bareFrom = Int32Array.from({ length: size + 1 }, (_, at) => at);
  function nextBare(start: number): number {
    let at = start;
    for (let next = bareFrom[at] ?? at; next !== at; next = bareFrom[at] ?? at) {
      bareFrom[at] = bareFrom[next] ?? next;
      at = next;
    }
    return at;
  }
  return {
    paint(from, to, rule) {
      let painted = false;
      let met: number | undefined;
      for (let at = from; at <= to; at++) {
        const bare = nextBare(at);
        if (bare !== at) met ??= owner[at];
        at = bare;
        if (bare > to) break;
        owner[bare] = rule;
        bareFrom[bare] = bare + 1;
        painted = true;
      }
      return { painted, met };
    },
  };
}
