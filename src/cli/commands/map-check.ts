// SPDX-License-Identifier: MIT
// numashard map check: the map is read, held against machine and model, and said to be right or where it is not.
import { count } from '../../report/text-table.js';
import { parseShardMap } from '../../shardmap/parse.js';
import { printSelector, printShardMap, printTarget } from '../../shardmap/print.js';
import { resolveShardMap } from '../../shardmap/resolve.js';
import { checkShardMap } from '../../shardmap/warnings.js';
import { formatCpuList } from '../../topology/cpu-list.js';
import type { CommandContext } from '../context.js';
import { type MapMachineOptions, mapSetting, readWorkers } from '../map-setting.js';
import { openModel } from '../open-model.js';
import { emit, type JsonOption } from '../output.js';

export interface MapOptions extends MapMachineOptions, JsonOption {
  readonly threads?: string;
}

export async function checkMap(
  context: CommandContext,
  text: string,
  modelPath: string | undefined,
  options: MapOptions,
): Promise<void> {
  const workers = readWorkers(options.threads);
  const setting = await mapSetting(options);
  const map = parseShardMap(text, setting);
  const model = modelPath === undefined ? null : await openModel(modelPath);
  const warnings =
    model === null ? checkShardMap(map) : resolveShardMap(map, model, { ...setting, ...workers }).warnings;
  const document = {
    schema: 'numashard/map-check/1',
    map: printShardMap(map),
    rules: map.map(({ text, column, selector, target }) => ({
      text,
      column,
      selector: printSelector(selector),
      target: printTarget(target),
    })),
    nodes: setting.nodes,
    usableNodes: setting.usableNodes,
    warnings,
  } as const;
  emit(context, options, document, () =>
    [
      `ok: ${count(map.length, 'rule')} for nodes ${formatCpuList(setting.nodes)}`,
      ...warnings.map(({ code, message }) => `warning: ${message} [${code}]`),
    ].join('\n'),
  );
}
