// SPDX-License-Identifier: MIT
// One question about a shard map, three ways: as a line for native/test/shardmap-cases.c, as TypeScript answers
// it, and as test/cases/shardmap.json expects it.
import { readFileSync } from 'node:fs';
import { NumashardError } from '../../src/errors.js';
import { classifyTensor } from '../../src/model/classify-tensor.js';
import type { Model, ModelTensor } from '../../src/model/types.js';
import { findRule } from '../../src/shardmap/find-rule.js';
import { maxLayer } from '../../src/shardmap/limits.js';
import { parseShardMap } from '../../src/shardmap/parse.js';
import { printShardMap } from '../../src/shardmap/print.js';
import { resolveShardMap } from '../../src/shardmap/resolve.js';
import type { MachineNodes, Shares } from '../../src/shardmap/types.js';
import { tinyModel } from './tiny-model.js';

export interface ParseCase {
  map: string;
  machine: string;
}

export interface FindCase extends ParseCase {
  name: string;
  tied: boolean;
}

export interface RangesCase extends FindCase {
  rowByteLength: number;
  rows: number;
  matrices: number;
  group: number;
  repacked: boolean;
  /** As in GGML_NUMA_SHARD_THREADS; empty: none. */
  shares: string;
  workers: number;
  pagePhase: number;
  pageSize: number;
}

export interface CaseTable {
  machines: Record<string, MachineNodes | null> & { gaps: MachineNodes };
  parse: (ParseCase & { print: string })[];
  errors: (ParseCase & { code: string; column: number })[];
  find: (FindCase & { rule: string | null })[];
  ranges: (RangesCase & { ranges: [number, number, number][] })[];
  homes: { shares: string; workers: number; homes: number[] }[];
  warnings: { map: string; warnings: { code: string; column: number }[] }[];
  pastLast: { map: string; column: number }[];
}

export const table: CaseTable = JSON.parse(
  readFileSync(new URL('../cases/shardmap.json', import.meta.url), 'utf8'),
);

export function machineOf({ machine }: ParseCase): MachineNodes | undefined {
  return table.machines[machine] ?? undefined;
}

export function parseSharesText(text: string): Shares {
  if (text === '') return [];
  return text.split(',').map((share) => {
    const [node, weight] = share.split(':').map(Number);
    return { node: node ?? 0, weight: weight ?? 0 };
  });
}

export function line(...fields: (string | number | boolean)[]): string {
  return fields.map((field) => escapeField(typeof field === 'boolean' ? Number(field) : field)).join('\t');
}

function escapeField(field: string | number): string {
  const escapes: Record<string, string> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };
  return `${field}`.replace(/[\\\t\n\r]/g, (character) => escapes[character] ?? character);
}

function mapFields(c: ParseCase): [string, string, string] {
  const machine = machineOf(c);
  return [machine?.nodes.join(',') ?? '-', machine?.usableNodes.join(',') ?? '-', c.map];
}

export const parseLine = (c: ParseCase): string => line('parse', ...mapFields(c));
export const findLine = (c: FindCase): string => line('find', ...mapFields(c), c.name, c.tied);
export const rangesLine = (c: RangesCase): string =>
  line(
    'ranges',
    ...mapFields(c),
    c.name,
    c.tied,
    c.rowByteLength,
    c.rows,
    c.matrices,
    c.group,
    c.repacked,
    c.shares,
    c.workers,
    c.pagePhase,
    c.pageSize,
  );

/** The tiny model's tensors against a map. */
function warnLine(map: string): string {
  const machine = mapFields({ map, machine: 'four' });
  const tensors = tinyModel().tensors.flatMap((t) => [t.name, t.byteLength, t.shape.length > 1]);
  return line('warn', ...machine, ...tensors);
}

export interface Question {
  readonly ask: string;
  readonly expected: string;
}

/** The whole table as questions to native/test/shardmap-cases.c; a model's last layer is for TypeScript alone. */
export function tableQuestions(): Question[] {
  const rangesOf = (c: CaseTable['ranges'][number]) =>
    c.ranges.map(([offset, byteLength, node]) => ` ${offset}+${byteLength}@${node}`).join('');
  return [
    ...table.parse.map((c) => ({ ask: parseLine(c), expected: `ok ${c.print}` })),
    ...table.errors.map((c) => ({ ask: parseLine(c), expected: `error ${c.code} ${c.column}` })),
    ...table.homes.map((c) => ({ ask: line('home', c.shares, c.workers), expected: c.homes.join(' ') })),
    ...table.find.map((c) => ({ ask: findLine(c), expected: answerFind(c) })),
    ...table.ranges.map((c) => ({
      ask: rangesLine(c),
      expected: `${answerRanges(c).split(' ')[0]}${rangesOf(c)}`,
    })),
    ...table.warnings.map(({ map, warnings }) => ({
      ask: warnLine(map),
      expected: warnings.map(({ code, column }) => `${code} ${column}`).join(', '),
    })),
  ];
}

/** `ok MAP`, or `error CODE COLUMN`. */
export function answerParse(c: ParseCase): string {
  try {
    return `ok ${printShardMap(parseShardMap(c.map, machineOf(c)))}`;
  } catch (error) {
    if (!(error instanceof NumashardError)) throw error;
    return `error ${error.code} ${/column (\d+)/.exec(error.message)?.[1]}`;
  }
}

function tensorOf(c: FindCase): ModelTensor {
  const { layer, role } = classifyTensor(c.name);
  const isTied = c.tied && c.name === 'token_embd.weight';
  return {
    name: c.name,
    layer,
    role: isTied ? 'output' : role,
    type: 'q8_0',
    shape: [32],
    byteLength: 0,
    file: 'model.gguf',
    fileOffset: 0,
  };
}

/** `LAYER ROLE RULE`, -1 and `-` where there is none. */
export function answerFind(c: FindCase): string {
  const tensor = tensorOf(c);
  const rule = findRule(parseShardMap(c.map, machineOf(c)), tensor);
  return `${tensor.layer ?? -1} ${tensor.role} ${rule?.text ?? '-'}`;
}

/** `CUT offset+length@node …` */
export function answerRanges(c: RangesCase): string {
  const machine = machineOf(c) ?? { nodes: [0], usableNodes: [0] };
  const tensor = {
    ...tensorOf(c),
    shape: [32, c.rows, c.matrices],
    byteLength: c.rowByteLength * c.rows * c.matrices,
    fileOffset: c.pagePhase,
  };
  const model: Model = {
    architecture: 'test',
    blockCount: maxLayer + 1,
    byteLength: tensor.byteLength,
    files: [],
    tensors: [tensor],
  };
  const resolution = resolveShardMap(parseShardMap(c.map, machine), model, {
    ...machine,
    shares: parseSharesText(c.shares),
    workers: c.workers,
    pageSize: c.pageSize,
    repack: () => ({ repacked: c.repacked, group: c.group }),
  });
  const placement = resolution.placements[0];
  const ranges = placement?.ranges.map(({ offset, byteLength, node }) => ` ${offset}+${byteLength}@${node}`);
  return `${placement?.cut.kind}${ranges?.join('')}`;
}
