// SPDX-License-Identifier: MIT
// Plans that name nodes which a wrapper in the command (taskset, numactl) leaves out: the error names the wrapper.
import { NumashardError } from '../errors.js';
import type { MachineNodes } from '../shardmap/types.js';
import { conflict, placeOf } from './command-conflict.js';
import { environmentNames } from './environment.js';
import type { Limit } from './wrapper-limits.js';

interface LimitedRun {
  readonly machine: MachineNodes;
  readonly limits?: readonly Limit[];
}

/** Throws `flag-conflict` where shares give threads to a node on which the command may not run. */
export function checkNodes({ machine, limits = [] }: LimitedRun, shares: string | undefined): void {
  const planned = shares ? shares.split(',').map((share) => Number.parseInt(share, 10)) : [];
  const missing = planned.find((node) => !machine.usableNodes.includes(node));
  if (missing === undefined) return;
  const [first] = limits;
  const usable = machine.usableNodes.join(', ') || 'none';
  if (first !== undefined) {
    throw conflict(first.setting, `leaves nodes ${usable}, the plan has threads on node ${missing}`, {
      hint: 'change one of the two',
    });
  }
  const message = `${environmentNames.threads}=${shares} has threads on node ${missing}, this process may use ${usable}`;
  throw new NumashardError('flag-conflict', message, { exitCode: 2, hint: 'plan again, here' });
}

/** A map that names an absent node may be right but for a wrapper: then that is said too. */
export function explainLimits<Result>([limit]: readonly Limit[], check: () => Result): Result {
  try {
    return check();
  } catch (thrown) {
    if (limit === undefined || !(thrown instanceof NumashardError) || thrown.code !== 'map-node')
      throw thrown;
    const { setting } = limit;
    const hint = `${setting.text} (${placeOf(setting)}) leaves nodes out: change that, or the map`;
    throw new NumashardError(thrown.code, thrown.message, { hint, exitCode: thrown.exitCode, cause: thrown });
  }
}
