// SPDX-License-Identifier: MIT
// What `env` in front of a program does to the environment, as env(1) has it.
import type { Setting } from './command-types.js';
import type { Wrapper } from './wrappers.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** One word of `env`; `value` null: taken out; `name` null: all are taken out. */
export interface EnvironmentChange {
  readonly name: string | null;
  readonly value: string | null;
  readonly setting: Setting<unknown>;
}

/** In the order in which env applies them. */
export function environmentChanges(wrappers: readonly Wrapper[]): EnvironmentChange[] {
  return wrappers
    .filter(({ name }) => name === 'env')
    .flatMap(({ options, operands }) => {
      const removed = options.flatMap((setting): EnvironmentChange[] => {
        if (['i', 'ignore-environment'].includes(setting.option))
          return [{ name: null, value: null, setting }];
        const isUnset = ['u', 'unset'].includes(setting.option) && setting.value !== null;
        return isUnset ? [{ name: setting.value, value: null, setting }] : [];
      });
      const assigned = operands.map((setting): EnvironmentChange => {
        if (setting.value === '-') return { name: null, value: null, setting };
        const equals = setting.value.indexOf('=');
        return { name: setting.value.slice(0, equals), value: setting.value.slice(equals + 1), setting };
      });
      return [...removed, ...assigned];
    });
}

export function changeEnvironment(
  environment: Environment,
  changes: readonly EnvironmentChange[],
): Environment {
  let changed: Record<string, string | undefined> = { ...environment };
  for (const { name, value } of changes) {
    if (name === null) changed = {};
    else if (value === null) delete changed[name];
    else changed[name] = value;
  }
  return changed;
}
