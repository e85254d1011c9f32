// SPDX-License-Identifier: MIT
// selector = layers | role | layers "." role | "name=" glob | "*"
import type { Role } from '../model/types.js';
import { maxLayer, roles } from './limits.js';
import { isDigit, readNumber } from './read-number.js';
import { excerpt, type RuleText, refuse } from './rule-text.js';
import { suggest } from './suggest.js';
import type { Selector } from './types.js';

/** Reads the map's text from `start` to `end`, where the rule's colon stands. */
export function parseSelector(rule: RuleText, start: number, end: number): Selector {
  const text = rule.map.slice(start, end);
  if (text === '') throw refuse(rule, start, 'map-syntax', "no selector before ':'", selectorHint);
  if (isDigit(text[0])) return parseLayers(rule, start, end);
  if (text === '*') return { kind: 'any' };
  if (text.startsWith('name=')) {
    if (end - start > 5) return { kind: 'name', glob: text.slice(5) };
    throw refuse(
      rule,
      end,
      'map-syntax',
      "no tensor name after 'name='",
      'for example name=blk.*.attn_q.weight',
    );
  }
  return { kind: 'role', role: parseRole(rule, start, end) };
}

const selectorHint = 'selectors are layers (0-8), a role (attn), both (0-8.attn), name=GLOB, or *';

/** N | N "-" M, and perhaps "." role */
function parseLayers(rule: RuleText, start: number, end: number): Selector {
  const { map } = rule;
  const first = readNumber(map, start, end);
  const isRange = first.next < end && map[first.next] === '-';
  const lastStart = isRange ? first.next + 1 : start;
  const last = isRange ? readNumber(map, lastStart, end) : first;
  if (last.value < 0) throw refuse(rule, lastStart, 'map-syntax', "a layer number is missing after '-'");
  const at = last.next;
  if (at < end && map[at] !== '.') {
    const problem = `unexpected '${excerpt(map[at] ?? '')}' after the layers`;
    throw refuse(rule, at, 'map-syntax', problem, 'layers are N or N-M, without spaces');
  }
  if (first.value > maxLayer) throw refuse(rule, start, 'map-range', 'no model has that many layers');
  if (last.value > maxLayer) throw refuse(rule, lastStart, 'map-range', 'no model has that many layers');
  if (last.value < first.value) {
    const hint = `write ${last.value}-${first.value}`;
    throw refuse(rule, start, 'map-range', 'layers run backwards', hint);
  }
  const layers = { first: first.value, last: last.value };
  if (at === end) return { kind: 'layers', ...layers };
  return { kind: 'layers.role', ...layers, role: parseRole(rule, at + 1, end) };
}

function parseRole(rule: RuleText, start: number, end: number): Role {
  const written = rule.map.slice(start, end);
  const role = roles.find((known) => known === written);
  if (role !== undefined) return role;
  const near = suggest(written, roles);
  const hint = near === undefined ? `roles are ${roles.join(', ')}` : `did you mean '${near}'?`;
  throw refuse(rule, start, 'map-role', `unknown role '${excerpt(written)}'`, hint);
}
