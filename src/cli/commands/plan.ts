// SPDX-License-Identifier: MIT
// numashard plan: which strategies there are for a model on a machine, and which one to take.
import type { Command } from 'commander';
import { Option } from 'commander';
import { NumashardError } from '../../errors.js';
import { planDocument } from '../../plan/plan-document.js';
import { planPlacement } from '../../plan/plan-placement.js';
import type { Plan, StrategyName } from '../../plan/types.js';
import { renderExports, renderPlan } from '../../report/plan-table.js';
import type { CommandContext } from '../context.js';
import { defineCommand } from '../define-command.js';
import { preloadPath } from '../native-parts.js';
import { openMachine } from '../open-machine.js';
import { openModel } from '../open-model.js';
import { machineOption, strategyOption, threadsOption, wholeNumber } from '../options.js';
import { emit, type JsonOption } from '../output.js';

interface Options extends JsonOption {
  readonly layers?: number;
  readonly machine?: string;
  readonly threads?: number;
  readonly promptThreads?: number;
  readonly strategy?: StrategyName;
  /** `true` without a value. */
  readonly export?: true | 'shell' | 'env';
}

export function planCommand(context: CommandContext): Command {
  return defineCommand({
    name: 'plan',
    summary: 'compare the ways to place a model and choose one',
    examples: [
      'numashard plan model.gguf --threads 64',
      'eval "$(numashard plan model.gguf --export)"',
      'numashard plan --layers 32 --machine recorded-machine.tar.gz --strategy layers',
    ],
  })
    .argument('[model]', 'a GGUF file; of a split model its first')
    .addOption(new Option('--layers <n>', 'layers, where there is no model file').argParser(wholeNumber))
    .addOption(machineOption())
    .addOption(threadsOption())
    .addOption(
      new Option('--prompt-threads <n>', 'threads for the prompt (-tb), where they differ').argParser(
        wholeNumber,
      ),
    )
    .addOption(strategyOption())
    .addOption(
      new Option('--export [format]', 'print the environment for a shell, or for an environment file')
        .choices(['shell', 'env'])
        .conflicts('json'),
    )
    .action(async (path: string | undefined, options: Options) => {
      if (path !== undefined && options.layers !== undefined) throw layersTwice(path);
      const model = path === undefined ? null : await openModel(path);
      const plan = planPlacement({
        model,
        blockCount: options.layers ?? null,
        topology: await openMachine(options.machine),
        threads: options.threads ?? null,
        promptThreads: options.promptThreads ?? null,
        strategy: options.strategy ?? null,
      });
      const document = planDocument(plan, { command: command(plan, path), preload: preloadPath(context) });
      const { export: format } = options;
      emit(context, options, document, () =>
        format ? renderExports(document, format === 'env' ? 'env' : 'shell') : renderPlan(plan),
      );
    });
}

function command({ threads, promptThreads }: Plan, model: string | undefined): string[] {
  if (model === undefined) return [];
  const prompt = promptThreads === null ? [] : ['-tb', `${promptThreads}`];
  return ['llama-server', '-m', model, '-t', `${threads}`, ...prompt];
}

function layersTwice(model: string): NumashardError {
  return new NumashardError('usage', `--layers: the model file ${model} says how many layers there are`, {
    exitCode: 2,
    hint: 'leave out --layers or the model',
  });
}
