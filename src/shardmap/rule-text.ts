// SPDX-License-Identifier: MIT
// A rule as a stretch of the map's text: where it begins and ends, and how to point at a place in it.
// Source of truth: the grammar in docs/shard-maps.md.
import { type ErrorCode, NumashardError } from '../errors.js';

/** `map` from `start` to `end` is the rule, trimmed; `column` is that of `start`. */
export interface RuleText {
  readonly map: string;
  readonly start: number;
  readonly end: number;
  readonly column: number;
}

/** The rules one by one: a rule ends at the next comma that is in no parenthesis of its target. */
export function* splitRules(map: string): Generator<RuleText> {
  let at = 0;
  let column = 1;
  for (;;) {
    const start = skipSpaces(map, at);
    column += countCharacters(map, at, start);
    const comma = findRuleEnd(map, start);
    let end = comma;
    while (end > start && isSpace(map[end - 1])) end--;
    const rule = { map, start, end, column };
    if (end === start) throw refuse(rule, start, 'map-empty-rule', 'a rule is missing here', missingRuleHint);
    yield rule;
    if (comma === map.length) return;
    column += countCharacters(map, start, comma + 1);
    at = comma + 1;
  }
}

const missingRuleHint = 'rules are selector:target, with a single comma between two of them';

/** The error for something wrong at `at`, an index into the map's text. */
export function refuse(
  rule: RuleText,
  at: number,
  code: ErrorCode,
  problem: string,
  hint?: string,
): NumashardError {
  const column = rule.column + countCharacters(rule.map, rule.start, at);
  const text = excerpt(rule.map.slice(rule.start, rule.end));
  const message = `shard map, column ${column}, rule '${text}': ${problem}`;
  return new NumashardError(code, message, { exitCode: 2, ...(hint === undefined ? {} : { hint }) });
}

/** Text for a message: short, and without what would move a terminal's cursor. */
export function excerpt(text: string): string {
  const characters = Array.from(text.slice(0, 128));
  const shown = characters
    .slice(0, 60)
    .join('')
    .replace(/[\p{Cc}\p{Cf}]/gu, '?');
  return characters.length > 60 ? `${shown}...` : shown;
}

function skipSpaces(text: string, from: number): number {
  let at = from;
  while (isSpace(text[at])) at++;
  return at;
}

function isSpace(character: string | undefined): boolean {
  return character === ' ' || character === '\t' || character === '\n' || character === '\r';
}

function findRuleEnd(text: string, from: number): number {
  let depth = 0;
  let inTarget = false;
  for (let at = from; at < text.length; at++) {
    const character = text[at];
    if (character === ',' && depth === 0) return at;
    if (character === ':') inTarget = true;
    if (character === '(' && inTarget) depth++;
    if (character === ')' && depth > 0) depth--;
  }
  return text.length;
}

/** Columns count characters, not UTF-16 units: the native parser counts UTF-8 code points. */
function countCharacters(text: string, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; at++) {
    const unit = text.charCodeAt(at);
    const isSecondHalf = unit >= 0xdc00 && unit < 0xe000;
    if (!isSecondHalf) count++;
  }
  return count;
}
