// SPDX-License-Identifier: MIT
// Puts a model's page cache where a program without us will read it: pages by the map, then a look at where
// they are. Needs no privilege beyond reading the file.
import type { Model } from '../model/types.js';
import { localShareBound, pageNodes } from '../shardmap/pages.js';
import type { Resolution } from '../shardmap/types.js';
import type { PageHelper, PlacedPages } from '../verify/page-helper.js';
import { PageRuns } from '../verify/page-runs.js';
import { scoreRanges } from '../verify/score.js';
import type { VerifiedTensor } from '../verify/types.js';

export interface CachePlacement {
  readonly tensors: readonly VerifiedTensor[];
  readonly placedBytes: number;
  readonly misplacedBytes: number;
  readonly absentBytes: number;
  readonly unknownBytes: number;
  readonly localShareBound: number;
  readonly pages: PlacedPages;
  readonly seconds: number;
}

export interface PlaceInput {
  readonly model: Model;
  readonly resolution: Resolution;
  readonly helper: PageHelper;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

export async function placeCache({
  model,
  resolution,
  helper,
  onProgress,
}: PlaceInput): Promise<CachePlacement> {
  const started = performance.now();
  const { pageSize, placements } = resolution;
  const pages = { readPages: 0, movedPages: 0, droppedPages: 0, misplacedPages: 0 };
  let before = 0;
  for (const { path } of model.files) {
    const inFile = placements.filter(({ tensor }) => tensor.file === path);
    const runs = pageNodes(inFile, pageSize);
    const stretches = runs.map(({ firstPage, pageCount, node }) => ({
      start: firstPage * pageSize,
      byteLength: pageCount * pageSize,
      node,
    }));
    const placed = await helper.placeFile(path, stretches, (done) =>
      onProgress?.(before + done, model.byteLength),
    );
    for (const key of Object.keys(pages) as (keyof PlacedPages)[]) pages[key] += placed[key];
    before += runs.reduce((sum, { pageCount }) => sum + pageCount * pageSize, 0);
  }
  const tensors = await lookAtCache(resolution, helper);
  const sum = (key: 'byteLength' | 'misplacedBytes' | 'absentBytes' | 'unknownBytes'): number =>
    tensors.reduce((total, tensor) => total + tensor[key], 0);
  return {
    tensors,
    placedBytes: sum('byteLength'),
    misplacedBytes: sum('misplacedBytes'),
    absentBytes: sum('absentBytes'),
    unknownBytes: sum('unknownBytes'),
    localShareBound: localShareBound(placements, pageSize),
    pages,
    seconds: (performance.now() - started) / 1000,
  };
}

/** Where the cached bytes of every tensor are, against the map. */
export async function lookAtCache(
  { placements, pageSize }: Pick<Resolution, 'placements' | 'pageSize'>,
  helper: PageHelper,
): Promise<VerifiedTensor[]> {
  const nowhere = new PageRuns(0, pageSize, []);
  const found: VerifiedTensor[] = [];
  for (const path of new Set(placements.map(({ tensor }) => tensor.file))) {
    const inFile = placements.filter(({ tensor }) => tensor.file === path);
    const stretches = inFile.map(({ tensor }) => ({
      start: tensor.fileOffset,
      byteLength: tensor.byteLength,
    }));
    const pages = await helper.queryFile(path, stretches);
    for (const [index, { tensor, cut, ranges }] of inFile.entries()) {
      found.push({
        model: 0,
        name: tensor.name,
        role: tensor.role,
        buffer: 'file',
        cut: cut.kind,
        address: null,
        byteLength: tensor.byteLength,
        ...scoreRanges(pages[index] ?? nowhere, tensor.fileOffset, ranges),
        rows: null,
      });
    }
  }
  return found;
}
