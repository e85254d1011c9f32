// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NumashardError } from '../../src/errors.js';
import { parseReport, readReport } from '../../src/runtime/preload-report.js';
import { craftReport, craftTensor } from '../verify/crafted.js';

const sound = craftReport(
  {
    pid: 4242,
    shares: [{ node: 0, weight: 1 }],
    other: [craftTensor({ name: 'kv' })],
    models: [{ id: 0, files: ['/m.gguf'] }],
    warnings: [{ code: 'node-full', message: 'm' }],
  },
  [0, 1],
);

/** The report with the value at a path replaced; undefined takes the key away. */
function broken(path: readonly (string | number)[], value: unknown): string {
  const report = structuredClone(sound) as unknown as Record<string | number, unknown>;
  let at = report;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
  at[path.at(-1) ?? ''] = value;
  return JSON.stringify(report);
}

describe('a malformed report', () => {
  it.each([
    ['', 'not JSON'],
    ['{"schema":', 'not JSON'],
    ['null', 'the document is null, wanted an object'],
    ['[]', 'the document is [], wanted an object'],
    ['{}', 'schema is missing, wanted "numashard/report/1"'],
  ])('%o: %s', (text, problem) => {
    expect(() => parseReport(text, 'r.json')).toThrow(
      expect.objectContaining({ code: 'report-unreadable', message: `report r.json: ${problem}` }),
    );
  });

  it.each([
    [['schema'], 'numashard/report/2', 'schema is "numashard/report/2"'],
    [['pid'], 0, 'pid is 0, wanted a whole number from 1 to 4194304'],
    [['pid'], '12', 'pid is "12"'],
    [['map'], 7, 'map is 7, wanted a text'],
    [['map'], 'attn', 'map: shard map, column 1'],
    [['ggmlVersion'], 1, 'ggmlVersion is 1'],
    [['models'], {}, 'models is {}, wanted a list'],
    [['models', 0, 'files'], [1], 'models[0].files[0] is 1'],
    [['residency'], null, 'residency is null'],
    [['shares', 0, 'weight'], -1, 'shares[0].weight is -1'],
    [['placedWorkers'], 1e9, 'placedWorkers is 1000000000, wanted a whole number from 0 to 65536'],
    [['workers'], null, 'workers is null, wanted a list'],
    [['workers', 1], 3, 'workers[1] is 3, wanted an object'],
    [['workers', 1, 'cpus'], [0.5], 'workers[1].cpus[0] is 0.5'],
    [['threads'], 'many', 'threads is "many", wanted "assumed" or "not reached"'],
    [['threads'], null, 'threads is null'],
    [['threads', 'seen'], [1e9], 'threads.seen[0] is 1000000000'],
    [['tensors'], undefined, 'tensors is missing, wanted a list'],
    [['tensors', 0], null, 'tensors[0] is null, wanted an object'],
    [['tensors', 0, 'model'], null, 'tensors[0].model is null, wanted a whole number'],
    [['other', 0, 'model'], 'first', 'other[0].model is "first"'],
    [['tensors', 0, 'name'], undefined, 'tensors[0].name is missing'],
    [['tensors', 0, 'cut'], 'columns', 'tensors[0].cut is "columns"'],
    [['tensors', 0, 'group'], 0, 'tensors[0].group is 0'],
    [['tensors', 0, 'address'], 2 ** 53, 'tensors[0].address is 9007199254740992'],
    [['tensors', 0, 'address'], null, 'tensors[0].address is null, wanted an address'],
    [['tensors', 0, 'byteLength'], -4, 'tensors[0].byteLength is -4'],
    [['tensors', 0, 'shape'], [1, 2, 3], 'tensors[0].shape is [1,2,3], wanted a list of 4'],
    [['tensors', 0, 'shape'], [0, 1, 1, 1], 'tensors[0].shape[0] is 0'],
    [['tensors', 0, 'shape'], undefined, 'tensors[0].shape is missing'],
    [['tensors', 0, 'nodes'], { 0: 'all' }, 'tensors[0].nodes.0 is "all"'],
    [['tensors', 0, 'inHostMemory'], 1, 'tensors[0].inHostMemory is 1'],
    [['tensors', 0, 'address'], null, 'tensors[0].address is null, wanted an address'],
    [['placedBytes'], 0.5, 'placedBytes is 0.5'],
    [['misplacedBytes'], undefined, 'misplacedBytes is missing'],
    [['absentBytes'], undefined, 'absentBytes is missing'],
    [['unknownBytes'], -1, 'unknownBytes is -1'],
    [['seconds'], 'long', 'seconds is "long"'],
    [['graphs'], -1, 'graphs is -1'],
    [['warnings', 0, 'code'], null, 'warnings[0].code is null'],
  ])('%o = %o', (path, value, problem) => {
    expect(() => parseReport(broken(path, value), 'r.json')).toThrow(
      expect.objectContaining({
        code: 'report-unreadable',
        message: expect.stringContaining(`report r.json: ${problem}`),
        hint: expect.any(String),
      }),
    );
  });

  it('is never taken, nor fails in another way, whatever stands in the place of a value', () => {
    const keys = Object.keys(sound);
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 2 }), (key, value) => {
        try {
          expect(parseReport(broken([key], value), 'r')).toHaveProperty(key);
        } catch (thrown) {
          expect((thrown as NumashardError).code).toBe('report-unreadable');
        }
      }),
    );
  });
});

describe('readReport', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'numashard-report-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads what is sound, wherever the tensors lie', async () => {
    const gpu = craftTensor({ inHostMemory: false, address: null });
    const report = { ...sound, tensors: [...sound.tensors, gpu], more: 'fields of later versions' };
    writeFileSync(join(folder, 'r.json'), JSON.stringify(report));
    expect(await readReport(join(folder, 'r.json'))).toEqual(report);
  });

  it.each([
    ['none.json', () => {}, /^no report of a running llama\.cpp at .*none\.json \(ENOENT\)$/],
    ['.', () => {}, /not a regular file$/],
    ['fifo', (path: string) => execFileSync('mkfifo', [path]), /not a regular file$/],
    [
      'large',
      (path: string) => {
        writeFileSync(path, '');
        truncateSync(path, 2 ** 28 + 1);
      },
      /268435457 bytes, the limit is 268435456$/,
    ],
  ])('refuses %s', async (name, make, message) => {
    const path = join(folder, name);
    make(path);
    await expect(readReport(path)).rejects.toMatchObject({
      code: 'report-unreadable',
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
  });

  it('throws our own errors', async () => {
    await expect(readReport(join(folder, 'none'))).rejects.toBeInstanceOf(NumashardError);
  });
});
