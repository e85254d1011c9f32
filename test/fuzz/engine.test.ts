// SPDX-License-Identifier: MIT
// The fuzzer of TypeScript finds what is planted: what cannot find a bug proves nothing about its absence.
import { describe, expect, it } from 'vitest';
import { Corpus } from '../../scripts/fuzz/corpus.mjs';
import { instrument } from '../../scripts/fuzz/instrument.mjs';
import { mutate } from '../../scripts/fuzz/mutate.mjs';
import { randomFrom } from '../../scripts/fuzz/random.mjs';

const nested = `export function parse(text) {
  if (text[0] !== 'n') return 0;
  if (text[1] !== 'u') return 1;
  if (text[2] === 'm') throw new RangeError('planted');
  return 2;
}`;

async function load(code: string): Promise<Record<string, (...args: unknown[]) => unknown>> {
  return await import(`data:text/javascript,${encodeURIComponent(code)}`);
}

/** Executions until the planted bug is found; null: it was not. */
function search(
  parse: (text: string) => void,
  counters: Uint32Array,
  guided: boolean,
  limit: number,
): number | null {
  const random = randomFrom(1);
  const corpus = new Corpus(counters.fill(0));
  corpus.entries.push(Uint8Array.from([120]));
  for (let executions = 1; executions <= limit; executions++) {
    const input = mutate(corpus.choose(random), corpus.choose(random), [], 16, random);
    try {
      parse(Buffer.from(input).toString('latin1'));
    } catch {
      return executions;
    }
    if (guided) corpus.judge(input);
  }
  return null;
}

describe('coverage-guided search', () => {
  it('finds a bug behind three characters, which chance alone does not', async () => {
    const { code, count } = instrument(nested);
    const counters = new Uint32Array(count);
    Object.assign(globalThis, { fuzzCounters: counters });
    const { parse } = (await load(code)) as { parse: (text: string) => void };
    const executions = search(parse, counters, true, 300_000);
    expect(executions).toBeGreaterThan(0);
    expect(search(parse, counters, false, executions ?? 0)).toBeNull();
  });

  it('gives the same inputs for the same seed', () => {
    const inputs = (seed: number) => {
      const random = randomFrom(seed);
      return Array.from({ length: 50 }, () => mutate(Buffer.from('a1'), Buffer.from('b'), [], 64, random));
    };
    expect(inputs(7)).toEqual(inputs(7));
    expect(inputs(7)).not.toEqual(inputs(8));
  });
});

describe('instrument', () => {
  it.each<[source: string, args: unknown[], expected: unknown, hits: number[]]>([
    ['(a, b) => a && (b || 3)', [1, 0], 3, [1, 1, 1]],
    ['(a, b = 4) => { if (a) return b; else { b *= 2 } return a ?? b }', [null], 8, [1, 1, 0, 1, 1]],
    ['(a) => ({ x: a ? 1 : 2, f: () => a }).x', [0], 2, [1, 0, 1, 0]],
    ['(a) => { switch (a) { case 1: case 2: return "b"; default: return "c" } }', [1], 'b', [1, 1, 0]],
    ['(a) => { try { a.b.c } catch { return "caught" } finally { a = 1 } }', [{}], 'caught', [1, 1]],
    [
      '(a) => { let n = 0; for (const x of a) if (x > 1) n += x; else n++; while (n > 9) n--; return n }',
      [[1, 20]],
      9,
      [1, 2, 1, 1, 12],
    ],
    ['async (a) => { a ||= await 5; do a++; while (a < 8); return a }', [0], 8, [1, 1, 3]],
  ])('leaves %s as it is, and counts', async (source, args, expected, hits) => {
    const { code, count } = instrument(`export const run = ${source};`);
    const counters = new Uint32Array(count);
    Object.assign(globalThis, { fuzzCounters: counters });
    const { run } = await load(`${code}//${Math.random()}`);
    expect(await run?.(...args)).toBe(expected);
    expect([...counters]).toEqual(hits);
  });
});
