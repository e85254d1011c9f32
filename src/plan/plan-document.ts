// SPDX-License-Identifier: MIT
// The JSON document of `numashard plan --json`, which `run --plan` reads back.
import type { Plan, PlanWarning, StrategyName, StrategyPlan } from './types.js';

export interface PlanLaunch {
  /** Words of the command to run, where one is known. */
  readonly command?: readonly string[];
  /** Value of LD_PRELOAD; null where the preload library is not there. */
  readonly preload?: string | null;
}

export interface PlanDocument {
  readonly schema: 'numashard/plan/1';
  readonly strategies: readonly StrategyPlan[];
  readonly chosen: StrategyName;
  readonly threads: number;
  readonly promptThreads: number | null;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly warnings: readonly PlanWarning[];
}

export function planDocument(plan: Plan, launch: PlanLaunch = {}): PlanDocument {
  const isActive = Object.keys(plan.environment).length > 0;
  const preload = isActive && launch.preload ? { LD_PRELOAD: launch.preload } : {};
  return {
    schema: 'numashard/plan/1',
    strategies: plan.strategies,
    chosen: plan.chosen,
    threads: plan.threads,
    promptThreads: plan.promptThreads,
    command: launch.command ?? [],
    environment: { ...preload, ...plan.environment },
    warnings: plan.warnings,
  };
}
