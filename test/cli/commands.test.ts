// SPDX-License-Identifier: MIT
// What the commands answer, through the real program, on crafted machines and a tiny model.
import { execFileSync } from 'node:child_process';
import { readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Folder,
  machineArchive,
  machineDirectory,
  numashard,
  openFolder,
  projectDirectory,
  tinyModelFile,
} from './numashard.js';

let folder: Folder;
let model: string;
let fourNodes: string;

beforeAll(async () => {
  folder = openFolder();
  model = await tinyModelFile(folder);
  fourNodes = machineDirectory(folder, 'four-nodes');
});
afterAll(() => folder.remove());

describe('help and version', () => {
  const commands = [
    ['topology'],
    ['inspect'],
    ['plan'],
    ['map', 'check'],
    ['map', 'explain'],
    ['run'],
    ['place'],
    ['verify'],
    ['lab', 'run'],
    ['lab', 'list'],
    ['lab', 'model'],
  ];
  it.each(commands.map((words) => [words.join(' '), words] as const))(
    '%s has help with an example',
    (name, words) => {
      const { exitCode, stdout, stderr } = numashard([...words, '--help']);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
      expect(stdout).toContain(`Usage: numashard ${name}`);
      expect(stdout).toMatch(/^Examples?:\n {2}\S/m);
      const ownsOutput = name === 'run' || name === 'lab run';
      expect(/^ +--json /m.test(stdout)).toBe(!ownsOutput);
    },
  );

  it('--version names every part', () => {
    const { exitCode, stdout } = numashard(['--version']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^numashard \d+\.\d+\.\d+$/m);
    expect(stdout).toContain(process.versions.node);
    for (const part of ['preload', 'kernel', 'llama.cpp', 'ggml']) expect(stdout).toContain(part);
  });
});

describe('topology', () => {
  it('reads a directory and an archive of it alike', () => {
    const fromDirectory = json(['topology', '--root', fourNodes]);
    expect(fromDirectory['schema']).toBe('numashard/topology/1');
    expect((fromDirectory['nodes'] as unknown[]).length).toBe(4);
    expect(json(['topology', '--root', machineArchive(folder, 'four-nodes')])).toEqual(fromDirectory);
  });

  it('prints a table', () => {
    expect(numashard(['topology', '--root', fourNodes]).stdout).toMatch(/^4 nodes, /);
  });

  it('leaves nothing behind, and nothing outside, of archives that mean harm', () => {
    const before = leftovers();
    writeFileSync(folder.file('zeros.gz'), gzipSync(Buffer.alloc(1 << 20)));
    writeFileSync(folder.file('cut.tar.gz'), gzipSync('no archive').subarray(0, 12));
    execFileSync('tar', ['-C', folder.path, '-czf', folder.file('model.tar.gz'), 'tiny.gguf']);
    writeFileSync(folder.file('large'), '');
    truncateSync(folder.file('large'), 130 << 20);
    execFileSync('tar', ['-C', folder.path, '-I', 'gzip -1', '-cf', folder.file('bomb.tar.gz'), 'large']);
    for (const [name, reason] of [
      ['zeros.gz', 'no directory sys'],
      ['cut.tar.gz', 'unexpected end of file'],
      ['model.tar.gz', 'no directory sys'],
      ['bomb.tar.gz', 'more than 134217728 bytes'],
    ] as const) {
      const { exitCode, stderr } = numashard(['topology', '--root', folder.file(name)]);
      expect({ name, exitCode, stderr }).toMatchObject({
        exitCode: 3,
        stderr: expect.stringContaining(reason),
      });
    }
    expect(leftovers()).toEqual(before);
  });
});

describe('inspect', () => {
  it('gives the promised fields', () => {
    const document = json(['inspect', model]);
    expect(document).toMatchObject({ schema: 'numashard/inspect/1', architecture: 'llama', blockCount: 2 });
    expect((document['tensors'] as unknown[])[1]).toMatchObject({
      name: 'blk.1.attn_q.weight',
      layer: 1,
      role: 'attn',
      type: 'f32',
      shape: [64, 64],
      byteLength: 16_384,
      file: model,
    });
  });

  it('prints tables', () => {
    expect(numashard(['inspect', model]).stdout).toContain('llama, 2 blocks, 3 tensors');
  });
});

describe('plan', () => {
  it('chooses rows and says what to set', () => {
    const document = json(['plan', model, '--machine', fourNodes, '--threads', '8']);
    expect(document).toMatchObject({ schema: 'numashard/plan/1', chosen: 'rows', threads: 8 });
    expect(document['command']).toEqual(['llama-server', '-m', model, '-t', '8']);
    const environment = document['environment'] as Record<string, string>;
    expect(environment).toMatchObject({
      GGML_NUMA_SHARD_MAP: '*:rows',
      GGML_NUMA_SHARD_THREADS: '0:2,1:2,2:2,3:2',
    });
    expect(environment['LD_PRELOAD']).toMatch(/libnumashard\.so$/);
  });

  it('works without a model', () => {
    const words = ['plan', '--layers', '32', '--machine', fourNodes, '--strategy', 'layers'];
    expect(json(words)['chosen']).toBe('layers');
    expect(numashard(words).stdout).toMatch(/^chosen: layers/m);
  });

  it('exports all it takes, to a shell and as an environment file', () => {
    const words = ['plan', model, '--machine', fourNodes, '--threads', '8'];
    const library = join(projectDirectory, 'native/build/libnumashard.so');
    const wanted = ['*:rows', '0:2,1:2,2:2,3:2', `${library}:/lib/other.so`];
    const { stdout, stderr } = numashard([...words, '--export'], { LD_PRELOAD: '/lib/other.so' });
    const names = ['GGML_NUMA_SHARD_MAP', 'GGML_NUMA_SHARD_THREADS', 'LD_PRELOAD'];
    const script = `eval "$1"; printf '%s\\n' ${names.map((name) => `"$${name}"`).join(' ')}`;
    expect(execFileSync('sh', ['-c', script, 'sh', stdout], { encoding: 'utf8' }).trim().split('\n')).toEqual(
      wanted,
    );
    expect(stderr).toMatch(/^numashard: start llama\.cpp with -t 8$/m);
    const file = numashard([...words, '--export=env'], { LD_PRELOAD: '/lib/other.so' }).stdout;
    expect(file.trim().split('\n').sort()).toEqual([
      'GGML_NUMA_SHARD_MAP=*:rows',
      'GGML_NUMA_SHARD_THREADS=0:2,1:2,2:2,3:2',
      `LD_PRELOAD=${library}`,
    ]);
  });

  it('exports nothing where nothing is placed, and says so', () => {
    const words = ['plan', model, '--machine', machineDirectory(folder, 'no-nodes'), '--export'];
    const { exitCode, stdout, stderr } = numashard(words);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' });
    expect(stderr).toContain('[one-node]');
    expect(stderr).toContain('numashard: flat: there is nothing to set');
  });
});

describe('map', () => {
  it('check says what is right, and warns', () => {
    const { exitCode, stdout } = numashard(['map', 'check', 'attn:1,*:rows', model, '--nodes', '4']);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'ok: 2 rules for nodes 0-3\n' });
    const document = json(['map', 'check', ' 0-1:1,5:node2', '--nodes', '4']);
    expect(document).toMatchObject({
      schema: 'numashard/map-check/1',
      map: '0-1:node1,5:node2',
      nodes: [0, 1, 2, 3],
    });
    expect(document['rules']).toEqual([
      { text: '0-1:1', column: 2, selector: '0-1', target: 'node1' },
      { text: '5:node2', column: 8, selector: '5', target: 'node2' },
    ]);
    expect(numashard(['map', 'check', 'ssm:1,*:rows', model, '--nodes', '4']).stdout).toContain(
      '[rule-matches-nothing]',
    );
  });

  it('check and explain warn without a model too', () => {
    for (const command of ['check', 'explain']) {
      const { exitCode, stdout } = numashard(['map', command, '*:rows,0-8:1,8:2', '--nodes', '4']);
      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/^warning: .*column 14, rule '8:2': other rules take .* \[rule-never-wins\]$/m);
      expect(stdout).toMatch(/^warning: .*column 14, .*column 8 stands before it .* \[rule-overlap\]$/m);
    }
  });

  it('check refuses layers that the model lacks', () => {
    const { exitCode, stderr } = numashard(['map', 'check', '0-2:1,*:rows', model, '--nodes', '4']);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('past the model'),
    });
  });

  it('explain gives ranges, nodes and the bound', () => {
    const document = json([
      'map',
      'explain',
      '*:rows',
      model,
      '--machine',
      fourNodes,
      '--threads',
      '0:1,3:1',
    ]);
    expect(document).toMatchObject({
      schema: 'numashard/map-explain/1',
      map: '*:rows',
      pageSize: expect.any(Number),
    });
    const [first] = document['tensors'] as { ranges: unknown }[];
    expect(first?.ranges).toEqual([
      { offset: 0, byteLength: 8192, node: 0 },
      { offset: 8192, byteLength: 8192, node: 3 },
    ]);
  });

  it('explain without a model says what each rule means, the winners first', () => {
    const { stdout } = numashard(['map', 'explain', '*:rows,0-8:node3,attn:interleave(0,2)', '--nodes', '4']);
    const rules = stdout.split('\n').map((line) => line.split(' ')[0]);
    expect(rules.slice(1, 4)).toEqual(['attn:interleave(0,2)', '0-8:node3', '*:rows']);
    expect(stdout).toContain('layers 0 to 8');
    expect(stdout).toContain('its pages in turn on nodes 0,2');
  });
});

describe('lab', () => {
  it('lists machines and models', () => {
    const { machines, models } = json(['lab', 'list']) as Record<string, { name: string }[]>;
    expect(machines?.map(({ name }) => name)).toContain('x86-4n');
    expect(models?.map(({ name }) => name)).toContain('text');
  });

  it('writes a model that inspect reads', () => {
    const path = folder.file('demo.gguf');
    expect(json(['lab', 'model', 'text', path])).toMatchObject({ schema: 'numashard/lab-model/1', path });
    expect(json(['inspect', path])).toMatchObject({ architecture: 'llama', blockCount: 7 });
  });

  it('says when the file cannot be written', () => {
    expect(numashard(['lab', 'model', 'text', folder.file('no/such/place.gguf')]).exitCode).toBe(4);
  });
});

function json(args: readonly string[]): Record<string, unknown> {
  const { exitCode, stdout, stderr } = numashard([...args, '--json']);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

function leftovers(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith('numashard-machine-'));
}
