// SPDX-License-Identifier: MIT
// Verifies a model's page cache: where the cached bytes of every tensor are, against the map.
import type { PageHelper } from '../runtime/page-helper.js';
import { PageRuns } from '../runtime/page-runs.js';
import { localShareBound } from '../shardmap/pages.js';
import { isObserve } from '../shardmap/parse.js';
import type { Resolution } from '../shardmap/types.js';
import { scoreRanges } from './score.js';
import { addNodes, addUp, balanceOf } from './totals.js';
import type { Verification, VerifiedTensor } from './types.js';

/** `map`: as the user wrote it; under `observe` nothing is misplaced. */
export async function verifyCache(
  { placements, pageSize }: Resolution,
  map: string,
  helper: PageHelper,
  listsPages = false,
): Promise<Verification> {
  const started = performance.now();
  const isObserved = isObserve(map);
  const files = [...new Set(placements.map(({ tensor }) => tensor.file))];
  const nowhere = new PageRuns(0, pageSize, []);
  const tensors: VerifiedTensor[] = [];
  for (const path of files) {
    const inFile = placements.filter(({ tensor }) => tensor.file === path);
    const pages = await helper.queryFile(
      path,
      inFile.map(({ tensor }) => ({ start: tensor.fileOffset, byteLength: tensor.byteLength })),
    );
    for (const [index, { tensor, cut, ranges }] of inFile.entries()) {
      const found = pages[index] ?? nowhere;
      const score = scoreRanges(found, tensor.fileOffset, ranges);
      const { name, role, byteLength } = tensor;
      const misplacedBytes = isObserved ? 0 : score.misplacedBytes;
      const place = { model: 0, name, role, buffer: 'file', cut: cut.kind, address: null, byteLength };
      tensors.push({
        ...place,
        ...score,
        misplacedBytes,
        rows: null,
        ...(listsPages ? { pages: found.runs } : {}),
      });
    }
  }
  return {
    pid: null,
    models: [{ id: 0, files }],
    map,
    residency: 'page-cache',
    method: 'move_pages',
    ggmlVersion: null,
    threads: 'assumed',
    workers: [],
    tensors,
    other: [],
    ...addUp(tensors),
    localShareBound: isObserved ? 1 : localShareBound(placements, pageSize),
    rows: { byteLength: 0, localBytes: 0 },
    worstRows: null,
    balance: balanceOf(addNodes(tensors)),
    movedPages: 0,
    seconds: (performance.now() - started) / 1000,
    warnings: [],
  };
}
