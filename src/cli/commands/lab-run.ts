// SPDX-License-Identifier: MIT
// numashard lab run: one command in an emulated machine, its output passed on as it comes.
import { join } from 'node:path';
import type { FileSystemName } from '../../lab/file-systems.js';
import { searchToolsIn } from '../../lab/host-tools.js';
import type { KernelName } from '../../lab/machine.js';
import { labRun } from '../../lab/run.js';
import type { CommandContext } from '../context.js';
import { labProgress } from '../lab-progress.js';

export interface LabRunOptions {
  readonly machine: string;
  readonly kernel?: KernelName;
  readonly model?: readonly string[];
  readonly filesystem?: FileSystemName;
  readonly scratch?: true;
  readonly out?: string;
  readonly user?: true;
}

export async function runInLab(
  context: CommandContext,
  command: readonly string[],
  { machine, kernel, filesystem, scratch, model, out, user }: LabRunOptions,
): Promise<void> {
  const { PATH } = context.env;
  searchToolsIn(PATH);
  const progress = labProgress(context);
  try {
    const { exitCode, signal } = await labRun({
      machine,
      ...(kernel === undefined ? {} : { kernel }),
      ...(filesystem === undefined ? {} : { fileSystem: filesystem }),
      scratch: scratch ?? false,
      command,
      models: model ?? [],
      ...(out === undefined ? {} : { outDirectory: out }),
      ...(user ? { user: 1000 } : {}),
      project: true,
      projectDirectory: context.projectDirectory,
      cacheDirectory: join(context.cacheDirectory, 'lab'),
      onProgress: progress.show,
      onStdout: (data) => {
        progress.clear();
        context.stdout(data);
      },
      onStderr: (data) => {
        progress.clear();
        context.stderr(data);
      },
    });
    context.endWith(signal ?? exitCode ?? 125);
  } finally {
    progress.clear();
  }
}
