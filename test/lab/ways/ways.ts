// SPDX-License-Identifier: MIT
// What the topics of test/lab/ways share: one machine, so that it boots once, and one file of figures.
import { readGguf } from '../../../src/gguf/read-gguf.js';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import type { DemoModelName } from '../../../src/lab/models.js';
import { describeModel } from '../../../src/model/describe-model.js';
import type { ModelTensor } from '../../../src/model/types.js';
import type { Figures } from '../main-job/figures.js';
import { readModel } from '../main-job/guest.js';

export interface Ways {
  /** To be called inside tests: the machine boots before the first. */
  readonly machine: () => LabMachine;
  readonly figures: Figures;
}

/** The tensors of a demo model, by its path in the machine. */
export async function knownTensors(guestPath: string): Promise<readonly ModelTensor[]> {
  const [, name = ''] = /^\/models\/(.*)\.gguf$/.exec(guestPath) ?? [];
  return (await readModel(name as DemoModelName)).tensors;
}

export async function tensorsOf(hostPath: string): Promise<readonly ModelTensor[]> {
  return describeModel(await readGguf(hostPath)).tensors;
}

/** CPUs of a hexadecimal mask. */
export function allowedCpus(mask: string): number[] {
  const bits = BigInt(mask);
  return Array.from({ length: 64 }, (_, cpu) => cpu).filter((cpu) => (bits >> BigInt(cpu)) & 1n);
}
