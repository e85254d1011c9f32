// SPDX-License-Identifier: MIT
// numashard lab model: a demo model as a file.
import { stat } from 'node:fs/promises';
import { NumashardError } from '../../errors.js';
import { buildDemoModel, type DemoModelName, demoModels } from '../../lab/models.js';
import { formatBytes } from '../../report/text-table.js';
import { suggest } from '../../shardmap/suggest.js';
import type { CommandContext } from '../context.js';
import { emit, type JsonOption } from '../output.js';

export async function writeLabModel(
  context: CommandContext,
  name: string,
  file: string | undefined,
  options: JsonOption,
): Promise<void> {
  if (!isDemoModel(name)) throw unknownModel(name);
  const path = file ?? `${name}.gguf`;
  await buildDemoModel(path, demoModels[name]);
  const { size: byteLength } = await stat(path);
  emit(context, options, { schema: 'numashard/lab-model/1', name, path, byteLength } as const, () => {
    return `${path}: ${formatBytes(byteLength)}`;
  });
}

function isDemoModel(name: string): name is DemoModelName {
  return Object.hasOwn(demoModels, name);
}

function unknownModel(name: string): NumashardError {
  const names = Object.keys(demoModels);
  const near = suggest(name, names);
  return new NumashardError('usage', `unknown demo model ${JSON.stringify(name)}`, {
    exitCode: 2,
    hint: near === undefined ? `one of ${names.join(', ')}` : `did you mean ${near}?`,
  });
}
