// SPDX-License-Identifier: MIT
// numashard map: what a shard map says, and whether it fits a model and a machine.
import { type Command, Option } from 'commander';
import type { CommandContext } from '../context.js';
import { defineCommand, defineGroup } from '../define-command.js';
import { machineOption, wholeNumber } from '../options.js';
import { checkMap, type MapOptions } from './map-check.js';
import { explainMap } from './map-explain.js';

export function mapCommand(context: CommandContext): Command {
  const check = withMapOptions(
    defineCommand({
      name: 'check',
      summary: 'check a shard map against a machine, and a model where one is given',
      examples: [
        "numashard map check '*:rows' model.gguf",
        "numashard map check '0-8:node3,9-17:node2,18-25:node1,26-31:node0,attn:node3' --nodes 4",
      ],
    }),
  ).action((map: string, model: string | undefined, options: MapOptions) =>
    checkMap(context, map, model, options),
  );
  const explain = withMapOptions(
    defineCommand({
      name: 'explain',
      summary: 'show what each rule of a shard map takes, and what each node gets',
      examples: ["numashard map explain '*:rows' model.gguf --threads 0:16,1:16"],
    }),
  ).action((map: string, model: string | undefined, options: MapOptions) =>
    explainMap(context, map, model, options),
  );
  const summary = 'check and explain shard maps';
  return defineGroup({ name: 'map', summary, examples: ["numashard map explain '*:rows' model.gguf"] }, [
    check,
    explain,
  ]);
}

function withMapOptions(command: Command): Command {
  return command
    .argument('<map>', 'a shard map, as GGML_NUMA_SHARD_MAP has it')
    .argument('[model]', 'a GGUF file; of a split model any part')
    .addOption(
      new Option('--nodes <n>', 'a machine of n nodes with CPUs and memory, ids from 0, pages of 4 KiB')
        .argParser(wholeNumber)
        .conflicts('machine'),
    )
    .addOption(machineOption())
    .option('-t, --threads <n|shares>', 'workers, or each node and its share of them: 0:16,1:16');
}
