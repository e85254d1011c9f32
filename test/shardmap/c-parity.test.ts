// SPDX-License-Identifier: MIT
// native/include/ggml-numa-shard.h against the shared table of cases, and against TypeScript on random maps.
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import * as arbitrary from './arbitrary.js';
import {
  answerFind,
  answerParse,
  answerRanges,
  findLine,
  parseLine,
  type Question,
  rangesLine,
  table,
  tableQuestions,
} from './case-lines.js';
import { largeMaps } from './large-maps.js';
import {
  askProgram,
  hasCompiler,
  nativeFolder,
  openWorkshop,
  sanitizers,
  type Workshop,
} from './native-program.js';

const source = join(nativeFolder, 'test', 'shardmap-cases.c');

describe.skipIf(!hasCompiler('cc'))('the C header (skipped without a C compiler)', () => {
  let workshop: Workshop;
  let program: string;
  beforeAll(() => {
    workshop = openWorkshop();
    program = workshop.compile(source, ['-std=c11', ...sanitizers]);
  }, 60_000);
  afterAll(() => workshop.remove());

  test('answers the shared table', () => {
    const questions = tableQuestions();
    expectAnswers(questions);
    console.log(`shardmap.json: ${questions.length} cases in C`);
  });

  test('reads ten thousand rules, and refuses what is too much', () => {
    expectAnswers(
      [
        ...Object.values(largeMaps).map(({ map }) => map),
        ...[1024, 1025].map((count) => Array.from({ length: count }, () => '*:interleave(0-1023)').join(',')),
        'attn:1,'.repeat(1_500_000),
      ].map((map) => {
        const c = { map, machine: map.length < 30_000 ? 'unknown' : 'four' };
        return { ask: parseLine(c), expected: answerParse(c) };
      }),
    );
    const find = {
      map: largeMaps['of globs']?.map ?? '',
      machine: 'four',
      name: 'blk.9999.q.weight',
      tied: false,
    };
    expectAnswers([{ ask: findLine(find), expected: '9999 other name=*.9999.*q.weight:1' }]);
  });

  test('reads random text as TypeScript does', () => {
    const texts = fc.sample(arbitrary.mapText, { numRuns: 3000, seed });
    const machines = Object.keys(table.machines);
    expectAnswers(
      texts.map((map, index) => {
        const c = { map, machine: machines[index % machines.length] ?? 'four' };
        return { ask: parseLine(c), expected: answerParse(c) };
      }),
    );
  });

  test('classifies random names as TypeScript does', () => {
    const names = fc.sample(arbitrary.tensorName, { numRuns: 3000, seed });
    expectAnswers(
      names.map((name) => {
        const c = {
          map: 'ffn:1,experts:2,0-3:3,name=*e*k?*:0',
          machine: 'four',
          name,
          tied: name.length % 2 === 0,
        };
        return { ask: findLine(c), expected: answerFind(c) };
      }),
    );
  });

  test('makes the ranges that TypeScript makes', () => {
    const cases = fc.sample(arbitrary.rangesCase(table.machines.gaps), {
      numRuns: 3000,
      seed,
    });
    expectAnswers(cases.map((c) => ({ ask: rangesLine(c), expected: answerRanges(c) })));
  });

  function expectAnswers(cases: readonly Question[]): void {
    const answers = askProgram(
      program,
      cases.map(({ ask }) => ask),
    );
    const differing = cases
      .map((c, index) => ({ ...c, answer: answers[index] }))
      .filter(({ expected, answer }) => answer !== expected);
    expect(answers.length).toBe(cases.length);
    expect(differing.slice(0, 5)).toEqual([]);
  }
});

/** Fixed, so that a failure is found again; other seeds were run by hand. */
const seed = 8;
