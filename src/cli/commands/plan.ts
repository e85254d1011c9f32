// SPDX-License-Identifier: MIT
// numashard plan: which strategies there are for a model on a machine, and which one to take.
import type { Command } from 'commander';
import { Option } from 'commander';
import { NumashardError } from '../../errors.js';
import { type PlanDocument, planDocument } from '../../plan/plan-document.js';
import { planPlacement } from '../../plan/plan-placement.js';
import type { Plan, StrategyName } from '../../plan/types.js';
import { type ExportFormat, renderExports } from '../../report/exports.js';
import { renderPlan, renderPlanWarnings } from '../../report/plan-table.js';
import type { CommandContext } from '../context.js';
import { defineCommand } from '../define-command.js';
import { preloadPath, preloadValue } from '../native-parts.js';
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
      'numashard plan model.gguf --threads 64 --export=env > /etc/llama-server.env',
      'numashard plan --layers 32 --machine recorded-machine.tar.gz --strategy layers',
    ],
  })
    .argument('[model]', 'a GGUF file; of a split model any part')
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
      new Option(
        '--export [format]',
        'print what to set, for a shell or as an environment file (systemd, docker)',
      )
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
      const isForFile = options.export === 'env';
      const document = planDocument(plan, {
        command: command(plan, model?.files[0]?.path),
        preload: preloadOf(context, isForFile ? undefined : context.env['LD_PRELOAD']),
      });
      if (options.export === undefined) emit(context, options, document, () => renderPlan(plan));
      else exportPlan(context, plan, document, isForFile ? 'env' : 'shell');
    });
}

/** What a shell preloads already is kept; a service or a container has another environment. */
function preloadOf(context: CommandContext, already: string | undefined): string | null {
  const library = preloadPath(context);
  return library === null ? null : preloadValue(library, already);
}

/** Nothing but the variables on standard output: what else there is to know goes to standard error. */
function exportPlan(context: CommandContext, plan: Plan, document: PlanDocument, format: ExportFormat): void {
  const { environment } = document;
  context.stdout(renderExports(environment, format));
  for (const line of renderPlanWarnings(plan)) context.stderr(`${line}\n`);
  const say = (line: string): void => context.stderr(`numashard: ${line}\n`);
  if (Object.keys(environment).length === 0) say(`${plan.chosen}: there is nothing to set`);
  else say(`start llama.cpp with -t ${plan.threads}`);
  if (Object.keys(environment).length > 0 && environment['LD_PRELOAD'] === undefined) {
    say('LD_PRELOAD is left out, libnumashard.so is not built here: add it with its path on the server');
  }
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
