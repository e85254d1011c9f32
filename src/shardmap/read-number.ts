// SPDX-License-Identifier: MIT
// Decimal numbers of the grammar.
import { maxLayer } from './limits.js';

export interface ScannedNumber {
  /** -1: no digit there. Over `maxLayer`: `maxLayer + 1`, whatever was written. */
  readonly value: number;
  /** Index after the last digit. */
  readonly next: number;
}

export function readNumber(text: string, start: number, end: number): ScannedNumber {
  let next = start;
  let value = 0;
  while (next < end && isDigit(text[next])) {
    value = Math.min(value * 10 + Number(text[next]), maxLayer + 1);
    next++;
  }
  return { value: next === start ? -1 : value, next };
}

export function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}
