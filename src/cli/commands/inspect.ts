// SPDX-License-Identifier: MIT
// numashard inspect: what a model consists of.
import type { Command } from 'commander';
import { inspectDocument } from '../../model/inspect.js';
import { renderInspect } from '../../report/inspect-table.js';
import type { CommandContext } from '../context.js';
import { defineCommand } from '../define-command.js';
import { openModel } from '../open-model.js';
import { offsetOption } from '../options.js';
import { emit, type JsonOption } from '../output.js';

interface Options extends JsonOption {
  readonly offset?: number;
}

export function inspectCommand(context: CommandContext): Command {
  return defineCommand({
    name: 'inspect',
    summary: 'show the layers, roles, types and sizes of the tensors of a model',
    examples: ['numashard inspect model.gguf', 'numashard inspect model-00001-of-00003.gguf --json'],
  })
    .argument('<model>', 'a GGUF file; of a split model any part')
    .addOption(offsetOption())
    .action(async (path: string, options: Options) => {
      const model = await openModel(path, options.offset);
      emit(context, options, inspectDocument(model), () => renderInspect(model));
    });
}
