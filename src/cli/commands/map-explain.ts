// SPDX-License-Identifier: MIT
// numashard map explain: with a model what each rule takes and each node gets, without one what each rule says.
import { renderExplain } from '../../report/map-table.js';
import { renderRules } from '../../report/rule-words.js';
import { explainDocument } from '../../shardmap/explain.js';
import { parseShardMap } from '../../shardmap/parse.js';
import { printShardMap } from '../../shardmap/print.js';
import { resolveShardMap } from '../../shardmap/resolve.js';
import { checkShardMap } from '../../shardmap/warnings.js';
import type { CommandContext } from '../context.js';
import { mapSetting, readWorkers } from '../map-setting.js';
import { openModel } from '../open-model.js';
import { emit } from '../output.js';
import type { MapOptions } from './map-check.js';

export async function explainMap(
  context: CommandContext,
  text: string,
  modelPath: string | undefined,
  options: MapOptions,
): Promise<void> {
  const workers = readWorkers(options.threads);
  const setting = await mapSetting(options);
  const map = parseShardMap(text, setting);
  if (modelPath !== undefined) {
    const model = await openModel(modelPath);
    const document = explainDocument(resolveShardMap(map, model, { ...setting, ...workers }));
    return emit(context, options, document, () => renderExplain(document));
  }
  const document = {
    schema: 'numashard/map-explain/1',
    map: printShardMap(map),
    pageSize: setting.pageSize,
    localShareBound: null,
    nodes: setting.nodes.map((id) => ({ id, byteLength: 0 })),
    tensors: [],
    warnings: checkShardMap(map),
  } as const;
  emit(context, options, document, () =>
    [renderRules(map), ...document.warnings.map(({ code, message }) => `warning: ${message} [${code}]`)].join(
      '\n',
    ),
  );
}
