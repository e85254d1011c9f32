// SPDX-License-Identifier: MIT
// What the topics of test/lab/ways share: one machine, so that it boots once, and one file of figures.
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import type { Figures } from '../main-job/figures.js';

export interface Ways {
  /** To be called inside tests: the machine boots before the first. */
  readonly machine: () => LabMachine;
  readonly figures: Figures;
}
