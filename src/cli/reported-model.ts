// SPDX-License-Identifier: MIT
// The model behind a report, as its file tells it: roles of tied embeddings are not in tensor names alone.
import type { Model } from '../model/types.js';
import type { PreloadReport } from '../runtime/preload-report.js';
import { openModel } from './open-model.js';

/** null where the file is gone or is none that we read whole: names then have to do. */
export async function readReportedModel({ models }: PreloadReport): Promise<Model | null> {
  const path = models[0]?.files[0];
  if (path === undefined) return null;
  try {
    return await openModel(path);
  } catch {
    return null;
  }
}
