// SPDX-License-Identifier: MIT
// numashard topology: the NUMA nodes of this machine, or of a recorded one.
import type { Command } from 'commander';
import { renderTopology } from '../../report/topology-table.js';
import { topologyDocument } from '../../topology/document.js';
import type { CommandContext } from '../context.js';
import { defineCommand } from '../define-command.js';
import { openMachine } from '../open-machine.js';
import { emit, type JsonOption } from '../output.js';

interface Options extends JsonOption {
  readonly root?: string;
}

export function topologyCommand(context: CommandContext): Command {
  return defineCommand({
    name: 'topology',
    summary: 'show the NUMA nodes, their CPUs, memory and distances',
    examples: ['numashard topology', 'numashard topology --root recorded-machine.tar.gz --json'],
  })
    .option('--root <path>', 'a recorded machine: a directory with its sys and proc, or a .tar.gz of it')
    .action(async (options: Options) => {
      const topology = await openMachine(options.root);
      emit(context, options, topologyDocument(topology), () => renderTopology(topology));
    });
}
