// SPDX-License-Identifier: MIT
// Puts a model's page cache where a program without us will read it. Needs no privilege beyond reading the file.
import type { Model } from '../model/types.js';
import { pageNodes } from '../shardmap/pages.js';
import type { Resolution } from '../shardmap/types.js';
import type { PageHelper, PlacedPages } from './page-helper.js';

export interface PlaceInput {
  readonly model: Model;
  readonly resolution: Resolution;
  readonly helper: PageHelper;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Each page goes to the node with most of its bytes; what did not follow is counted, not hidden. */
export async function placeCache({
  model,
  resolution,
  helper,
  onProgress,
}: PlaceInput): Promise<PlacedPages> {
  const { pageSize, placements } = resolution;
  const total = { readPages: 0, movedPages: 0, droppedPages: 0, misplacedPages: 0 };
  let before = 0;
  for (const { path } of model.files) {
    const inFile = placements.filter(({ tensor }) => tensor.file === path);
    const stretches = pageNodes(inFile, pageSize).map(({ firstPage, pageCount, node }) => ({
      start: firstPage * pageSize,
      byteLength: pageCount * pageSize,
      node,
    }));
    const placed = await helper.placeFile(path, stretches, (done) =>
      onProgress?.(before + done, model.byteLength),
    );
    for (const key of Object.keys(total) as (keyof PlacedPages)[]) total[key] += placed[key];
    before += stretches.reduce((sum, { byteLength }) => sum + byteLength, 0);
  }
  return total;
}
