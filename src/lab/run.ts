// SPDX-License-Identifier: MIT
// One command in an emulated machine, from boot to switching off: what `numashard lab run` does.
import { type BootOptions, bootMachine } from './boot.js';
import { resolveModel } from './demo-model-file.js';
import type { GuestVersions } from './guest-image.js';
import type { ExecOptions, ExecResult } from './lab-machine.js';

export interface LabRunOptions extends BootOptions, ExecOptions {
  /** An argument vector; in the guest models are /models/NAME and the project is in $PATH. */
  readonly command: readonly string[];
  /** Host files, or `demo:NAME` (src/lab/models.ts). */
  readonly models?: readonly string[];
  /** A folder of the host that gets what the command left in the guest's /out. */
  readonly outDirectory?: string;
}

export interface LabRunResult extends ExecResult {
  readonly machine: string;
  readonly bootSeconds: number;
  readonly versions: GuestVersions;
}

/** Boots, runs, fetches /out, stops. A command that fails is a result, not an error: see `exitCode`, `signal`. */
export async function labRun(options: LabRunOptions): Promise<LabRunResult> {
  const models: string[] = [];
  for (const model of options.models ?? []) {
    models.push(await resolveModel(model, options.cacheDirectory, options.onProgress));
  }
  const machine = await bootMachine({ ...options, models });
  try {
    const result = await machine.exec(options.command, options);
    if (options.outDirectory !== undefined) await machine.fetchDirectory('/out', options.outDirectory);
    const { description, bootSeconds, versions } = machine;
    return { machine: description.name, bootSeconds, versions, ...result };
  } finally {
    await machine.stop();
  }
}
