// SPDX-License-Identifier: MIT
// Values of llama.cpp options: numbers, switches, and llama-bench's lists and ranges.
// Source of truth: parse_int_range in tools/llama-bench/llama-bench.cpp, parse_bool_value in common/arg.cpp.
import type { Setting } from './command-types.js';

/** llama-bench expands a range into one run per value; two are enough to know that there are several. */
const valuesToTell = 2;

export function readInteger(text: string): number | null {
  return /^-?\d{1,9}$/.test(text.trim()) ? Number(text) : null;
}

export function readSwitch(text: string): boolean {
  return !['0', 'off', 'false', 'disabled'].includes(text);
}

/** Values of a comma-separated list. */
export function benchValues(setting: Setting<string>): Setting<string>[] {
  return setting.value.split(',').map((value) => ({ ...setting, value }));
}

/** Values of a list of numbers and ranges `first-last`, `first-last+step`, `first-last*factor`. */
export function benchNumbers(setting: Setting<string>): Setting<string>[] {
  return benchValues(setting).flatMap((item) => {
    const range = /^(-?\d{1,9})-(\d{1,9})(?:([+*])(\d{1,9}))?$/.exec(item.value);
    if (range === null) return [item];
    const first = Number(range[1]);
    const last = Number(range[2]);
    const step = Number(range[4] ?? 1);
    const values = [first];
    while (values.length < valuesToTell) {
      const next = range[3] === '*' ? (values.at(-1) ?? 0) * step : (values.at(-1) ?? 0) + step;
      if (next > last || next === values.at(-1)) break;
      values.push(next);
    }
    return values.map((value) => ({ ...item, value: String(value) }));
  });
}
