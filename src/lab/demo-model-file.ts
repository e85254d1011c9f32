// SPDX-License-Identifier: MIT
// Demo models as files in the lab's cache, written when first asked for.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { NumashardError } from '../errors.js';
import { makeOnce } from './make-once.js';
import { buildDemoModel, type DemoModelName, demoModels } from './models.js';
import type { OnLabProgress } from './progress.js';

const demoPrefix = 'demo:';

/** The path of a demo model, `NAME.gguf`; built if the cache does not have it. */
export async function demoModelFile(
  name: DemoModelName,
  cacheDirectory: string,
  onProgress?: OnLabProgress,
): Promise<string> {
  const spec = demoModels[name];
  const key = createHash('sha256').update(JSON.stringify(spec)).digest('hex').slice(0, 16);
  const path = join(cacheDirectory, 'models', key, `${name}.gguf`);
  return makeOnce(path, async (work) => {
    onProgress?.({ step: 'build', what: `demo model ${name}` });
    await buildDemoModel(work, spec);
  });
}

/** A model as a person names it: a file's path, or `demo:NAME`. */
export async function resolveModel(
  model: string,
  cacheDirectory: string,
  onProgress?: OnLabProgress,
): Promise<string> {
  if (!model.startsWith(demoPrefix)) return model;
  const name = model.slice(demoPrefix.length);
  if (Object.hasOwn(demoModels, name))
    return demoModelFile(name as DemoModelName, cacheDirectory, onProgress);
  throw new NumashardError('usage', `unknown demo model "${name}"`, {
    hint: `one of ${Object.keys(demoModels).join(', ')}`,
    exitCode: 2,
  });
}
