// SPDX-License-Identifier: MIT
// The models behind a report, as their files tell them: roles of tied embeddings are not in tensor names alone.
import type { Model } from '../model/types.js';
import type { PreloadReport } from '../runtime/preload-report.js';
import { openModel } from './open-model.js';

/** By id; without those whose file is gone or is none that we read whole: names then have to do. */
export async function readReportedModels({ models }: PreloadReport): Promise<Map<number, Model>> {
  const found = new Map<number, Model>();
  for (const { id, files } of models) {
    const [path] = files;
    const model = path === undefined ? null : await openModel(path).catch(() => null);
    if (model !== null) found.set(id, model);
  }
  return found;
}
