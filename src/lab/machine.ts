// SPDX-License-Identifier: MIT
// Emulated machines as data: reads and checks a machine file (lab/machines/NAME.json).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NumashardError } from '../errors.js';

/** Bookworm's kernel, and the current one of Debian unstable. */
export const kernelNames = ['6.1', 'unstable'] as const;
export type KernelName = (typeof kernelNames)[number];

/** What a machine can be an emulation of: x86-64 with AVX2, and POWER8 with its 64 KiB pages. */
const architectures = ['x86-64', 'ppc64le'] as const;
export type Architecture = (typeof architectures)[number];

interface MachineNode {
  /** The kernel's number of it, if it is not its place in the list: ppc64le can leave some out. */
  readonly id?: number;
  /** CPUs of this node; 0 makes a node of memory only. */
  readonly cpus: number;
  /** 0 makes a node of CPUs only. */
  readonly memoryMebibytes: number;
}

export interface MachineDescription {
  readonly name: string;
  readonly description?: string;
  readonly architecture: Architecture;
  readonly kernel: KernelName;
  /** In order of their ids. */
  readonly nodes: readonly MachineNode[];
  /** As firmware would report them (SLIT): distances[i][j] from node i to node j, 10 on the diagonal. */
  readonly distances: readonly (readonly number[])[];
}

/** The kernel's numbers of the nodes, in order. */
export function nodeIds({ nodes }: MachineDescription): number[] {
  return nodes.map(({ id }, index) => id ?? index);
}

/** The folder of machine files, guest programs: beside src/ and beside dist/ alike. */
export const labDirectory = fileURLToPath(new URL('../../lab', import.meta.url));

const machinesDirectory = fileURLToPath(new URL('../../lab/machines', import.meta.url));
/** QEMU's own limit (MAX_NODES, include/sysemu/numa.h). */
const nodeLimit = 128;
/** QEMU's limit for the machine type `pc` (pc_machine_class, max_cpus). */
const cpuLimit = 255;
/** Memory of a pSeries machine comes in blocks (QEMU's SPAPR_MEMORY_BLOCK_SIZE). */
const powerMemoryBlockMebibytes = 256;
/** A node larger than 1 TiB is a slip of the pen: the host has to provide what the guest touches. */
const nodeMemoryLimitMebibytes = 1 << 20;

/** Names of the machines that come with the program. */
export function machineNames(): string[] {
  return readdirSync(machinesDirectory)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** Loads a machine by name (`x86-4n`) or from a machine file (`my/machine.json`). */
export function loadMachine(nameOrPath: string): MachineDescription {
  const isPath = nameOrPath.endsWith('.json');
  const path = isPath ? nameOrPath : `${machinesDirectory}/${nameOrPath}.json`;
  if (!isPath && (nameOrPath.includes('/') || !existsSync(path))) {
    throw new NumashardError('usage', `unknown machine "${nameOrPath}"`, {
      hint: `one of ${machineNames().join(', ')}, or the path of a machine file ending in .json`,
      exitCode: 2,
    });
  }
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new NumashardError(
      'file-unreadable',
      `cannot read machine file ${path}: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
  return parseMachine(text, path);
}

/** Checks a machine file's text; `where` names it in errors. */
export function parseMachine(text: string, where: string): MachineDescription {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(where, `is not JSON: ${(cause as Error).message}`, cause);
  }
  if (!isObject(value)) throw invalid(where, 'is not an object');
  const { name, description, architecture, kernel, nodes, distances } = value;
  // The name becomes the guest's host name and a word of its kernel command line.
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9-]{0,62}$/.test(name)) {
    throw invalid(where, `name: ${JSON.stringify(name)} is not a host name of letters a-z, digits and "-"`);
  }
  const checkedArchitecture = oneOf(architectures, architecture, 'architecture', where);
  const checkedKernel = oneOf(kernelNames, kernel, 'kernel', where);
  if (!Array.isArray(nodes) || nodes.length === 0 || nodes.length > nodeLimit) {
    throw invalid(where, `nodes: must be a list of 1 to ${nodeLimit} nodes`);
  }
  const checkedNodes = nodes.map((node, index) => checkNode(node, index, checkedArchitecture, where));
  checkIds(checkedNodes, checkedArchitecture, where);
  const cpus = checkedNodes.reduce((sum, node) => sum + node.cpus, 0);
  if (cpus === 0 || cpus > cpuLimit)
    throw invalid(where, `nodes: ${cpus} CPUs in all, must be 1 to ${cpuLimit}`);
  return {
    name,
    ...(typeof description === 'string' ? { description } : {}),
    architecture: checkedArchitecture,
    kernel: checkedKernel,
    nodes: checkedNodes,
    distances: checkDistances(distances, nodes.length, where),
  };
}

function checkNode(node: unknown, index: number, architecture: Architecture, where: string): MachineNode {
  const place = `nodes[${index}]`;
  if (!isObject(node)) throw invalid(where, `${place} is not an object`);
  const { id, cpus, memoryMebibytes } = node;
  if (id !== undefined && !isInteger(id, 0, nodeLimit - 1))
    throw invalid(where, `${place}.id: ${id} is not 0 to ${nodeLimit - 1}`);
  if (!isInteger(cpus, 0, cpuLimit)) throw invalid(where, `${place}.cpus: ${cpus} is not 0 to ${cpuLimit}`);
  const least = cpus === 0 ? 1 : 0;
  if (!isInteger(memoryMebibytes, least, nodeMemoryLimitMebibytes)) {
    const limits = `${least} to ${nodeMemoryLimitMebibytes}`;
    throw invalid(where, `${place}.memoryMebibytes: ${memoryMebibytes} is not ${limits}`);
  }
  if (architecture === 'ppc64le' && memoryMebibytes % powerMemoryBlockMebibytes !== 0) {
    const limit = `a multiple of ${powerMemoryBlockMebibytes}, as ppc64le needs it`;
    throw invalid(where, `${place}.memoryMebibytes: ${memoryMebibytes} is not ${limit}`);
  }
  return { ...(id === undefined ? {} : { id }), cpus, memoryMebibytes };
}

function checkIds(nodes: readonly MachineNode[], architecture: Architecture, where: string): void {
  nodes.forEach(({ id }, index) => {
    const before = index === 0 ? -1 : (nodes[index - 1]?.id ?? index - 1);
    const place = `nodes[${index}].id: ${id ?? index}`;
    if ((id ?? index) <= before) throw invalid(where, `${place} does not follow ${before}`);
    // The kernel numbers x86-64's nodes as it finds them in the firmware's tables (pxm_to_node).
    if (architecture === 'x86-64' && id !== undefined && id !== index)
      throw invalid(where, `${place} is not ${index}, and x86-64 numbers nodes without gaps`);
  });
}

function checkDistances(rows: unknown, count: number, where: string): number[][] {
  if (!Array.isArray(rows) || rows.length !== count)
    throw invalid(where, `distances: must have ${count} rows`);
  return rows.map((row: unknown, from) => {
    if (!Array.isArray(row) || row.length !== count) {
      throw invalid(where, `distances[${from}]: must have ${count} numbers`);
    }
    // 10 is "local" and 255 "unreachable" in ACPI's SLIT; QEMU refuses anything else.
    row.forEach((distance: unknown, to) => {
      const fits = from === to ? distance === 10 : isInteger(distance, 11, 254);
      if (!fits) {
        throw invalid(
          where,
          `distances[${from}][${to}]: ${distance} is not ${from === to ? '10' : '11 to 254'}`,
        );
      }
    });
    return row as number[];
  });
}

function oneOf<Name extends string>(
  names: readonly Name[],
  value: unknown,
  place: string,
  where: string,
): Name {
  const name = names.find((each) => each === value);
  if (name !== undefined) return name;
  const known = names.map((each) => `"${each}"`).join(' or ');
  throw invalid(where, `${place}: ${JSON.stringify(value)} is not ${known}`);
}

function isObject(value: unknown): value is { readonly [key in MachineKey]?: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

type MachineKey = keyof MachineDescription | keyof MachineNode;

function isInteger(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

function invalid(where: string, what: string, cause?: unknown): NumashardError {
  return new NumashardError('usage', `machine file ${where}: ${what}`, {
    cause,
    exitCode: 2,
    hint: 'lab/machines/x86-4n.json is a machine file that works',
  });
}
