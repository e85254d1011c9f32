// SPDX-License-Identifier: MIT
import { expect, it, vi } from 'vitest';
import type { PageHelper } from '../../src/runtime/page-helper.js';
import { PageRuns } from '../../src/runtime/page-runs.js';
import { findPages } from '../../src/verify/find-pages.js';
import { nobody, pageSize } from './crafted.js';

const start = 0x10000;
const mapping = { start, end: start + 64 * pageSize, fileOffset: 7 * pageSize, path: '/models/m.gguf' };

/** Eight pages each: the first stretch untouched but for two pages, the second touched. */
function helperWith(queryFile: PageHelper['queryFile']): PageHelper {
  const inProcess = [
    [
      { node: 1, pageCount: 2 },
      { node: -1, pageCount: 6 },
    ],
    [{ node: 2, pageCount: 8 }],
  ];
  return {
    query: async (_pid, stretches) =>
      stretches.map((stretch, index) => new PageRuns(stretch.start, pageSize, inProcess[index] ?? [])),
    queryFile,
    placeFile: () => Promise.reject(new Error('not asked for')),
  };
}

const stretches = [0, 8].map((page) => ({ start: start + page * pageSize, byteLength: 8 * pageSize }));
const cached = async (): Promise<PageRuns[]> => [
  new PageRuns(7 * pageSize, pageSize, [
    { node: 3, pageCount: 5 },
    { node: -1, pageCount: 3 },
  ]),
];

it('asks the page cache for what the process has not touched, and for nothing else', async () => {
  const queryFile = vi.fn(cached);
  const found = await findPages(helperWith(queryFile), nobody, stretches, async () => [mapping]);
  expect(queryFile).toHaveBeenCalledOnce();
  expect(queryFile).toHaveBeenCalledWith('/models/m.gguf', [
    expect.objectContaining({ start: 7 * pageSize, byteLength: 8 * pageSize }),
  ]);
  expect(found.map(({ runs }) => runs)).toEqual([
    [
      { node: 1, pageCount: 2 },
      { node: 3, pageCount: 3 },
      { node: -1, pageCount: 3 },
    ],
    [{ node: 2, pageCount: 8 }],
  ]);
});

it.each([
  ['memory is no file', [], cached],
  ['the stretch goes past the mapping', [{ ...mapping, end: start + 4 * pageSize }], cached],
  ['the file cannot be read', [mapping], () => Promise.reject(new Error('ENOENT'))],
])('leaves absent what it is where %s', async (_what, mappings, queryFile) => {
  const found = await findPages(helperWith(queryFile), nobody, stretches, async () => mappings);
  expect(found[0]?.runs).toEqual([
    { node: 1, pageCount: 2 },
    { node: -1, pageCount: 6 },
  ]);
});
