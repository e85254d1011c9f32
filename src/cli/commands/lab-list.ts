// SPDX-License-Identifier: MIT
// numashard lab list: machines to boot and models to run in them.
import { loadMachine, machineNames } from '../../lab/machine.js';
import { demoModels } from '../../lab/models.js';
import { renderTable } from '../../report/text-table.js';
import type { CommandContext } from '../context.js';
import { emit, type JsonOption } from '../output.js';

export function listLab(context: CommandContext, options: JsonOption): void {
  const machines = machineNames().map((name) => {
    const { description, architecture, kernel, nodes } = loadMachine(name);
    return { name, description: description ?? '', architecture, kernel, nodes };
  });
  const models = Object.entries(demoModels).map(([name, { kind, layers, embedding, quantization }]) => {
    return { name, kind, layers, embedding, quantization };
  });
  emit(context, options, { schema: 'numashard/lab-list/1', machines, models } as const, () =>
    [
      renderTable(
        [left('machine'), left('architecture'), left('CPUs and MiB of each node'), left('')],
        machines.map(({ name, architecture, nodes, description }) => [
          name,
          architecture,
          nodes.map(({ cpus, memoryMebibytes }) => `${cpus}+${memoryMebibytes}`).join(' '),
          description,
        ]),
      ),
      '',
      renderTable(
        [left('model'), left('kind'), left('layers'), left('embedding'), left('type')],
        models.map(({ name, kind, layers, embedding, quantization }) => {
          return [`demo:${name}`, kind, `${layers}`, `${embedding}`, quantization];
        }),
      ),
    ].join('\n'),
  );
}

function left(title: string) {
  return { title, align: 'left' } as const;
}
