// SPDX-License-Identifier: MIT
// Understands a llama.cpp command line: which model, how many threads, what it says about NUMA itself. Nothing is
// changed or refused here. Source of truth for the reading: common_params_parse_ex in llama.cpp's common/arg.cpp.
import {
  benchOptions,
  commonOptions,
  environmentOptions,
  isModelPreset,
  llamaCommands,
  type OptionKey,
} from './command-options.js';
import type {
  AffinityKind,
  AffinitySetting,
  CommandWarning,
  CommandWarningCode,
  LlamaCommand,
  Setting,
} from './command-types.js';
import { benchNumbers, benchValues, readInteger, readSwitch } from './command-values.js';
import { changeEnvironment, type Environment, environmentChanges } from './wrapper-environment.js';
import { shells } from './wrapper-table.js';
import { baseName, readWrappers } from './wrappers.js';

export interface CommandContext {
  /** CPUs this process may use: what `-t 0` or a negative number means. */
  readonly hardwareThreads?: number;
}

type Settings = ReadonlyMap<OptionKey, readonly Setting<string>[]>;

export function readLlamaCommand(
  argv: readonly string[],
  environment: Environment,
  context: CommandContext = {},
): LlamaCommand {
  const { wrappers, start } = readWrappers(argv);
  const program = argv[start] ?? '';
  const name = programName(program, argv[start + 1]);
  const env = changeEnvironment(environment, environmentChanges(wrappers));
  const kind = name === 'llama-bench' ? 'bench' : name.startsWith('llama-') ? 'common' : 'other';
  const warnings: CommandWarning[] = [];
  const warn = (code: CommandWarningCode, message: string): void => {
    warnings.push({ code, message });
  };
  const given = readWords(argv, start, kind, warn);
  const settings =
    kind === 'bench' ? given : withEnvironment(kind === 'other' ? plausible(given) : given, env);

  const last = (key: OptionKey): Setting<string> | null => settings.get(key)?.at(-1) ?? null;
  const one = (key: OptionKey, values: readonly Setting<string>[]): Setting<string> | null => {
    if (new Set(values.map(({ value }) => value)).size < 2) return values[0] ?? null;
    warn(
      'several-values',
      `llama-bench runs once for each of: ${values.map(({ text }) => text).join(', ')} (${key})`,
    );
    return null;
  };
  const pick = (key: OptionKey): Setting<string> | null =>
    kind === 'bench' ? one(key, (settings.get(key) ?? []).flatMap(benchValues)) : last(key);

  const models = (settings.get('model') ?? []).flatMap((model) =>
    kind === 'bench' ? benchValues(model) : [model],
  );
  const remote = last('remoteModel');
  if (remote !== null) warn('model-unknown', `${remote.text}: which file this is is known only when it runs`);
  const model = remote === null ? pick('model') : null;

  const integer = (setting: Setting<string> | null): Setting<number> | null => {
    if (setting === null) return null;
    const value = readInteger(setting.value);
    if (value === null) warn('value-unreadable', `${setting.text}: "${setting.value}" is not a whole number`);
    const threads = value !== null && value <= 0 ? (context.hardwareThreads ?? null) : value;
    return threads === null ? null : { ...setting, value: threads };
  };
  const threads =
    kind === 'bench'
      ? one('threads', (settings.get('threads') ?? []).flatMap(benchNumbers))
      : last('threads');
  const repack = pick('repack');
  if (shells.has(name)) warn('command-unread', `${name}: what it starts is not read here`);
  return {
    argv,
    wrappers,
    program: { value: program, text: program, index: start },
    name,
    kind,
    model,
    draftModel: last('draftModel'),
    models,
    threads: integer(threads),
    hasThreads: settings.has('threads'),
    promptThreads: integer(last('promptThreads')),
    numa: last('numa'),
    gpuLayers: pick('gpuLayers'),
    repack: repack && { ...repack, value: readSwitch(repack.value) },
    loadMode: readLoadMode(pick('loadMode'), pick('mmap'), last('mlock')),
    affinity: readAffinity(settings),
    warnings,
  };
}

function programName(program: string, command: string | undefined): string {
  const name = baseName(program);
  return name === 'llama' ? (llamaCommands.get(command ?? '') ?? name) : name;
}

function readWords(
  argv: readonly string[],
  start: number,
  kind: LlamaCommand['kind'],
  warn: (code: CommandWarningCode, message: string) => void,
): Map<OptionKey, Setting<string>[]> {
  const options = kind === 'bench' ? benchOptions : commonOptions;
  const settings = new Map<OptionKey, Setting<string>[]>();
  const add = (key: OptionKey, setting: Setting<string>): void => {
    settings.set(key, [...(settings.get(key) ?? []), setting]);
  };
  for (let index = start + 1; index < argv.length; index++) {
    const written = argv[index] ?? '';
    const equals = written.startsWith('--') ? written.indexOf('=') : -1;
    const word = canonical(equals < 0 ? written : written.slice(0, equals));
    const option = options.get(word);
    if (option === undefined) {
      if (isModelPreset(word)) add('remoteModel', { value: word, text: written, index });
      continue;
    }
    if (equals >= 0) {
      const value = written.slice(equals + 1);
      warn('equals-form', `word ${index}, ${written}: llama.cpp wants ${word} ${value} as two words`);
      add(option.key, { value, text: written, index });
    } else if (option.implied !== null) {
      add(option.key, { value: option.implied, text: written, index });
    } else if (index + 1 < argv.length) {
      const value = argv[++index] ?? '';
      add(option.key, { value, text: `${written} ${value}`, index: index - 1 });
    } else {
      warn('value-missing', `word ${index}, ${written}: no value follows`);
    }
  }
  return settings;
}

/** In a program that is not known to be llama.cpp's, `-m`, `-t` and `-C` may mean anything: their values decide. */
function plausible(given: Settings): Settings {
  const tests: Partial<Record<OptionKey, (setting: Setting<string>) => boolean>> = {
    model: ({ value }) => /\.gguf$/i.test(value),
    draftModel: ({ value }) => /\.gguf$/i.test(value),
    threads: ({ value }) => readInteger(value) !== null,
    cpuMask: ({ text }) => text.startsWith('--'),
    cpuRange: ({ text }) => text.startsWith('--'),
  };
  const kept = [...given].map(([key, values]) => [key, values.filter(tests[key] ?? (() => true))] as const);
  return new Map(kept.filter(([, values]) => values.length > 0));
}

/** llama.cpp reads underscores in long options as hyphens. */
function canonical(word: string): string {
  return word.startsWith('--') ? word.replaceAll('_', '-') : word;
}

function withEnvironment(given: Settings, env: Environment): Settings {
  const settings = new Map(given);
  for (const { variable, key, implied } of environmentOptions) {
    const value = env[variable];
    if (value === undefined || given.has(key)) continue;
    // Of a pair such as REPACK and NO_REPACK the negative one counts: it stands later in the table.
    settings.set(key, [{ value: implied ?? value, text: `${variable}=${value}`, index: null }]);
  }
  return settings;
}

/** Old switches in the terms of `--load-mode`, which wins. */
function readLoadMode(
  loadMode: Setting<string> | null,
  mmap: Setting<string> | null,
  mlock: Setting<string> | null,
): Setting<string> | null {
  if (loadMode !== null) return loadMode;
  const isMapped = mmap === null || readSwitch(mmap.value);
  const isLocked = mlock !== null && readSwitch(mlock.value);
  const source = isLocked ? mlock : mmap;
  if (source === null) return null;
  const value = isLocked ? (isMapped ? 'mmap+mlock' : 'mlock') : isMapped ? 'mmap' : 'none';
  return { ...source, value };
}

/** `--cpu-strict 0`, the default, and an empty mask pin nothing. */
function readAffinity(settings: Settings): AffinitySetting[] {
  const kinds: readonly (readonly [OptionKey, AffinityKind])[] = [
    ['cpuMask', 'mask'],
    ['cpuRange', 'range'],
    ['cpuStrict', 'strict'],
  ];
  return kinds
    .flatMap(([key, kind]) => (settings.get(key) ?? []).map((setting) => ({ ...setting, kind })))
    .filter(({ value }) => !/^(0x)?0*$/i.test(value))
    .sort((left, right) => (left.index ?? 0) - (right.index ?? 0));
}
