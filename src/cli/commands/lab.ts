// SPDX-License-Identifier: MIT
// numashard lab: emulated NUMA machines, and models to run in them.
import { type Command, Option } from 'commander';
import { fileSystemNames } from '../../lab/file-systems.js';
import { kernelNames } from '../../lab/machine.js';
import type { CommandContext } from '../context.js';
import { defineCommand, defineCommandWithChild, defineGroup } from '../define-command.js';
import { oneMore, threadsOption } from '../options.js';
import type { JsonOption } from '../output.js';
import { requireLinux } from '../require-linux.js';
import type { LabDemoOptions } from './lab-demo.js';
import type { LabRunOptions } from './lab-run.js';

const labReason = 'it drives QEMU, and takes the guest from Debian with apt and dpkg';

export function labCommand(context: CommandContext): Command {
  const run = defineCommandWithChild({
    name: 'run',
    summary: 'boot an emulated machine, run a command in it, and end as the command ended',
    examples: [
      'numashard lab run -- numactl --hardware',
      'numashard lab run --model demo:text --out results -- llama-bench -m /models/text.gguf -t 8',
    ],
  })
    .option('--machine <name>', 'one of `lab list`, or the path of a machine file', 'x86-4n')
    .addOption(new Option('--kernel <name>', "instead of the machine's own").choices(kernelNames))
    .option(
      '--model <file>',
      'a model, there as /models/NAME; demo:NAME for one of `lab list`; repeatable',
      oneMore,
    )
    .addOption(
      new Option('--filesystem <name>', 'of models and scratch').choices(fileSystemNames).default('ext4'),
    )
    .option('--scratch', 'an empty drive to write to, at /scratch')
    .option('--out <directory>', 'gets what the command leaves in /out')
    .option('--user', 'run the command without privilege, as user 1000')
    .action(async (command: string[], options: LabRunOptions) => {
      requireLinux('numashard lab run', labReason);
      const { runInLab } = await import('./lab-run.js');
      await runInLab(context, command, options);
    });
  const list = defineCommand({
    name: 'list',
    summary: 'list the emulated machines and the demo models',
    examples: ['numashard lab list'],
  }).action(async (options: JsonOption) => {
    const { listLab } = await import('./lab-list.js');
    listLab(context, options);
  });
  const model = defineCommand({
    name: 'model',
    summary: 'write a demo model: random weights that a real llama.cpp loads and runs',
    examples: ['numashard lab model dense-q8_0', 'numashard lab model text demo.gguf'],
  })
    .argument('<name>', 'one of `lab list`')
    .argument('[file]', 'where to; default: NAME.gguf in the current directory')
    .action(async (name: string, file: string | undefined, options: JsonOption) => {
      const { writeLabModel } = await import('./lab-model.js');
      await writeLabModel(context, name, file, options);
    });
  const demo = defineCommand({
    name: 'demo',
    summary: "hold llama.cpp's own placement against numashard's: here with several nodes, else emulated",
    examples: ['numashard lab demo', 'numashard lab demo --svg before-after.svg'],
  })
    .option('--model <file>', 'a GGUF file, or demo:NAME', 'demo:demo')
    .addOption(threadsOption().default(8))
    .option('--machine <name>', 'the emulated machine', 'x86-4n')
    .option('--emulated', 'in the emulated machine even if this one has several nodes')
    .option('--svg <file>', 'draw the comparison')
    .action(async (options: LabDemoOptions) => {
      requireLinux('numashard lab demo', labReason);
      const { runLabDemo } = await import('./lab-demo.js');
      await runLabDemo(context, options);
    });
  return defineGroup(
    {
      name: 'lab',
      summary: 'run commands in emulated NUMA machines',
      examples: ['numashard lab run -- numactl --hardware'],
    },
    [run, demo, list, model],
  );
}
