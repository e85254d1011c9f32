// SPDX-License-Identifier: MIT
// `numashard verify` on this machine: a model's cached pages, and a process that says it runs llama.cpp.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readTopology } from '../../src/topology/read-topology.js';
import { craftReport, craftTensor, nobody } from '../verify/crafted.js';
import { type Folder, numashard, openFolder, tinyModelFile } from './numashard.js';

let folder: Folder;
let model: string;
const { nodes, pageSize } = await readTopology();
const node = nodes[0]?.id ?? 0;

beforeAll(async () => {
  folder = openFolder();
  model = await tinyModelFile(folder);
  mkdirSync(folder.file('numashard'));
});
afterAll(() => folder.remove());

function verify(...words: string[]) {
  return numashard(['verify', ...words], { XDG_RUNTIME_DIR: folder.path });
}

describe('what is refused', () => {
  it.each([
    [
      'a process without a report that maps no model',
      () => [`${process.pid}`],
      3,
      new RegExp(`process ${process.pid} has no report \\(.*\\) and maps no GGUF file`),
    ],
    ['a process that is not there', () => [`${nobody}`], 3, /there is no process/],
    [
      'a report that is named and not there',
      () => ['1', '--report', 'none.json'],
      3,
      /no report of a running llama\.cpp/,
    ],
    ['a missing file', () => [folder.file('none')], 3, /none/],
    ['a map for a process', () => ['1', '--map', '*:rows'], 2, /--map means nothing for a process/],
    ['threads for a process', () => ['1', '-t', '2'], 2, /--threads means nothing for a process/],
    ['a report for a file', () => [model, '--report', 'r'], 2, /--report means nothing for a file/],
    ['threads that are no number', () => [model, '-t', 'x'], 2, /not a whole number/],
    ['no threads', () => [model, '-t', '0'], 2, /--threads.*at least 1/],
    [
      'the report of another process',
      () => {
        writeFileSync(folder.file('other.json'), JSON.stringify(craftReport({ pid: 7 })));
        return ['8', '--report', folder.file('other.json')];
      },
      3,
      /is of process 7, not of 8/,
    ],
    [
      'the report of a process that is gone',
      () => {
        writeFileSync(
          folder.file(`numashard/${nobody}.json`),
          JSON.stringify(craftReport({ map: 'observe' })),
        );
        return [`${nobody}`];
      },
      3,
      new RegExp(`${nobody}: No such process`),
    ],
  ])('%s', (_what, words, exitCode, message) => {
    const ended = verify(...words());
    expect(ended).toMatchObject({ exitCode, stdout: '', stderr: expect.stringMatching(message) });
    expect(ended.stderr).toMatch(/^hint: /m);
  });
});

describe('a process without our library', () => {
  it('is looked at by its maps: where the model that it has mapped lies', async () => {
    const source = folder.file('mapper.c');
    writeFileSync(source, mapper);
    execFileSync('cc', ['-o', folder.file('llama-mapper'), source]);
    const words = [model, '--numa', 'distribute', '--no-repack'];
    const child = spawn(folder.file('llama-mapper'), words, { stdio: ['pipe', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data');
      const { exitCode, stdout } = verify(`${child.pid}`, '--json', '--pages');
      const document = JSON.parse(stdout);
      expect(exitCode, stdout).toBe(0);
      expect(document).toMatchObject({
        pid: child.pid,
        map: 'observe',
        residency: 'page-cache',
        models: [{ id: 0, files: [model] }],
        placedBytes: 33_024,
        absentBytes: 0,
        faults: [],
        workers: [],
      });
      expect(document.warnings).toMatchObject([{ code: 'workers-unknown' }]);
      expect(document.tensors[0].address).toBeGreaterThan(0);
    } finally {
      child.kill();
    }
  });
});

/** Maps a file as llama.cpp does, reads every page of it, and waits. */
const mapper = `
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
int main(int argc, char **argv) {
    struct stat status;
    int fd = open(argv[1], O_RDONLY);
    if (argc < 2 || fstat(fd, &status) != 0) return 1;
    const char *data = mmap(NULL, status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    int sum = 0;
    for (long at = 0; at < status.st_size; at++) sum += data[at];
    printf("%d\\n", sum);
    fflush(stdout);
    pause();
}
`;

describe('a file', () => {
  it('is held against the map that it is given', () => {
    readFileSync(model);
    const { exitCode, stdout } = verify(model, '--map', `*:node${node}`, '--json', '--pages');
    const document = JSON.parse(stdout);
    expect(document).toMatchObject({
      schema: 'numashard/verify/1',
      pid: null,
      placedBytes: 33_024,
      absentBytes: 0,
    });
    const pages = document.tensors[0].pages as { pageCount: number }[];
    const count = pages.reduce((sum, { pageCount }) => sum + pageCount, 0);
    expect(count).toBeGreaterThanOrEqual(16_384 / pageSize);
    expect(exitCode).toBe(document.faults.length > 0 ? 1 : 0);
  });

  it('without a map is only looked at', () => {
    const { exitCode, stdout } = verify(model, '--roles');
    expect(exitCode).toBe(0);
    expect(stdout).toContain('(observed, nothing changed)');
    expect(stdout).toMatch(/^attn /m);
  });
});

describe('a process', () => {
  it('is asked for by its report: here it has nothing where the report says', () => {
    const tensor = craftTensor({ address: pageSize, nodes: { [node]: 16_384 } });
    const report = craftReport({ pid: process.pid, map: `*:node${node}`, tensors: [tensor] });
    writeFileSync(folder.file(`numashard/${process.pid}.json`), JSON.stringify(report));
    const { exitCode, stdout } = verify(`${process.pid}`, '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      pid: process.pid,
      placedBytes: 16_384,
      absentBytes: 16_384,
      faults: ['0.00 % of the bytes lie where the map says, 99.50 % were wanted'],
    });
    expect(exitCode).toBe(1);
    expect(verify(`${process.pid}`).stdout).toMatch(/^FAILED: 0\.00 % of the bytes/m);
  });
});
