// SPDX-License-Identifier: MIT
// Commands on a model in two parts: whichever is named, they speak of the whole.
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTopology } from '../../src/topology/read-topology.js';
import { type Folder, numashard, openFolder, tinyModelFile, tinyModelParts } from './numashard.js';

const { nodes } = await readTopology();
const node = nodes[0]?.id ?? 0;
let folder: Folder;
let parts: string[];

beforeAll(async () => {
  folder = openFolder();
  parts = await tinyModelParts(folder);
});

afterAll(() => folder.remove());

function json(args: readonly string[]) {
  const { exitCode, stdout, stderr } = numashard([...args, '--json']);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return JSON.parse(stdout);
}

describe.each([0, 1])('given part %i', (given) => {
  it('inspect lists both files and which tensor is in which', () => {
    const document = json(['inspect', parts[given] ?? '']);
    expect(document).toMatchObject({
      architecture: 'llama',
      blockCount: 2,
      byteLength: 2 * 64 * 64 * 4 + 64 * 4,
    });
    expect(document.files).toEqual(parts.map((path) => ({ path, byteLength: statSync(path).size })));
    expect(document.tensors.map(({ name, file }: Record<string, string>) => [name, file])).toEqual([
      ['blk.0.attn_q.weight', parts[0]],
      ['blk.1.attn_q.weight', parts[0]],
      ['output_norm.weight', parts[1]],
    ]);
  });

  it('map explain has the tensors of both', () => {
    const { tensors } = json(['map', 'explain', '0:node0,1:node1', parts[given] ?? '', '--nodes', '2']);
    expect(tensors).toHaveLength(3);
  });

  it('plan starts llama.cpp with the first, which alone it takes', () => {
    expect(json(['plan', parts[given] ?? '', '--threads', '4']).command.slice(0, 3)).toEqual([
      'llama-server',
      '-m',
      parts[0],
    ]);
  });

  it('place and verify put and find the pages of both files', () => {
    const words = [parts[given] ?? '', '--threads', '2', '--map', `*:node${node}`];
    const placed = json(['place', ...words]);
    expect(placed).toMatchObject({ models: [{ id: 0, files: parts }], misplacedBytes: 0, absentBytes: 0 });
    expect(placed.command.slice(0, 3)).toEqual(['llama-server', '-m', parts[0]]);
    const found = json(['verify', ...words]);
    expect(found).toMatchObject({ models: [{ id: 0, files: parts }], absentBytes: 0, faults: [] });
    expect(found.tensors).toHaveLength(3);
  });
});

it('a missing part is an error under every command', () => {
  rmSync(parts[1] ?? '');
  for (const args of [['inspect'], ['plan'], ['verify'], ['place', '--threads', '2']]) {
    const { exitCode, stderr } = numashard([...args, parts[0] ?? '']);
    expect(exitCode).toBe(3);
    expect(stderr).toContain(`error: a part is missing of 2: ${parts[1]}`);
  }
});

describe('a model inside a larger file', () => {
  const offset = 4096;

  it('is inspected, placed and verified at its offset', async () => {
    const alone = await tinyModelFile(folder);
    const path = folder.file('larger.bin');
    writeFileSync(path, Buffer.concat([Buffer.alloc(offset, 1), readFileSync(alone)]));
    const inside = json(['inspect', path, '--offset', `${offset}`]);
    const { tensors } = json(['inspect', alone]);
    expect(inside.tensors).toEqual(
      tensors.map((tensor: { fileOffset: number }) => ({
        ...tensor,
        file: path,
        fileOffset: tensor.fileOffset + offset,
      })),
    );
    const words = [path, '--threads', '2', '--map', `*:node${node}`, '--offset', `${offset}`];
    expect(json(['place', ...words])).toMatchObject({ misplacedBytes: 0, absentBytes: 0 });
    expect(json(['verify', ...words])).toMatchObject({ misplacedBytes: 0, absentBytes: 0, faults: [] });
  });

  it('is not guessed, nor taken for a process', () => {
    const path = folder.file('larger.bin');
    expect(numashard(['inspect', path]).stderr).toContain('not a GGUF file: it starts with 01 01 01 01');
    expect(numashard(['inspect', path, '--offset', '-1']).stderr).toContain('not a number of bytes');
    expect(numashard(['inspect', path, '--offset', '999999']).stderr).toContain('offset 999999');
    expect(numashard(['verify', '1', '--offset', '0']).stderr).toContain(
      '--offset means nothing for a process',
    );
  });
});
