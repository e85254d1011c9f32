// SPDX-License-Identifier: MIT
// Seeds, and what once broke a parser, through every fuzz target: in C under sanitizers, in TypeScript as it is.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ggufSeeds } from '../../scripts/fuzz/gguf-seeds.mjs';
import { knownCases, mapSeeds, reportSeeds, sysfsSeeds } from '../../scripts/fuzz/seeds.mjs';
import { targets } from '../../scripts/fuzz/targets.mjs';
import { NumashardError } from '../../src/errors.js';
import { parseReport } from '../../src/runtime/preload-report.js';
import {
  hasCompiler,
  nativeFolder,
  openWorkshop,
  sanitizers,
  type Workshop,
} from '../shardmap/native-program.js';

const nativeSeeds: Record<string, Uint8Array[]> = {
  map: mapSeeds(),
  sysfs: sysfsSeeds('/'),
  lines: [Buffer.from('7f0000000000-7f0000002000 r--s 0 fd:01 4 /m\n\x000:4,1:2\x000 4096 1\n')],
  gguf: ggufSeeds(),
};

describe.skipIf(!hasCompiler('cc'))('in C (skipped without a C compiler)', () => {
  let workshop: Workshop;
  beforeAll(() => {
    workshop = openWorkshop();
  });
  afterAll(() => workshop.remove());

  it.each(Object.keys(nativeSeeds))(
    '%s',
    (target) => {
      const source = join(nativeFolder, 'fuzz', `${target}.c`);
      const flags = [
        '-std=c11',
        '-D_GNU_SOURCE',
        '-O1',
        ...sanitizers,
        join(nativeFolder, 'fuzz', 'replay.c'),
      ];
      const program = workshop.compile(source, flags);
      const inputs = [...(nativeSeeds[target] ?? []), ...knownCases(`c-${target}`)];
      const files = inputs.map((input, index) => {
        const file = join(workshop.folder, `${target}-${index}`);
        writeFileSync(file, input);
        return file;
      });
      expect(execFileSync(program, files, { encoding: 'utf8' })).toBe(`${inputs.length} inputs\n`);
    },
    60_000,
  );
});

describe('in TypeScript', () => {
  const folder = mkdtempSync(join(tmpdir(), 'numashard-test-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(Object.keys(targets))('%s', async (name) => {
    const open = targets[name];
    const target = await open?.(load);
    expect(target?.seeds.length).toBeGreaterThan(0);
    for (const input of [...(target?.seeds ?? []), ...knownCases(name)]) await target?.run(input);
  });
});

it('reports that fuzzing starts from are sound', () => {
  for (const seed of reportSeeds())
    expect(() => parseReport(Buffer.from(seed).toString(), 'seed')).not.toThrow();
});

it('every kept case belongs to a target', () => {
  const names = [...Object.keys(targets), ...Object.keys(nativeSeeds).map((name) => `c-${name}`)];
  const folders = readdirSync(new URL('../fixtures/fuzz', import.meta.url));
  expect(names).toEqual(expect.arrayContaining(folders));
});

it('a parser that fails otherwise than it promises is told', async () => {
  const say = (parse: (text: string) => unknown) =>
    targets['report']?.(async (module) =>
      module === 'errors.js' ? await load(module) : { parseReport: (text: string) => parse(text) },
    );
  const refusing = new NumashardError('report-unreadable', 'no');
  const otherwise = new NumashardError('map-syntax', 'no');
  const run = async (parse: (text: string) => unknown) => (await say(parse))?.run(Buffer.from('{}'));
  const fail = (thrown: unknown) => () => {
    throw thrown;
  };
  await expect(run(fail(refusing))).resolves.toBeUndefined();
  await expect(run(fail(otherwise))).rejects.toThrow('broken promise: code map-syntax');
  await expect(run(fail(new TypeError('undefined is no object')))).rejects.toThrow('undefined is no object');
  await expect(run(() => ({ schema: 'numashard/report/2' }))).rejects.toThrow('broken promise: the schema');
});

function load(module: string) {
  return import(
    /* @vite-ignore */ new URL(`../../src/${module.replace(/\.js$/, '.ts')}`, import.meta.url).href
  );
}
