// SPDX-License-Identifier: MIT
// What fuzzing starts from: the maps of the shared table of cases, crafted machines, a report; and
// test/fixtures/fuzz, which holds whatever once broke a parser.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encode } from './check.mjs';

const tests = fileURLToPath(new URL('../../test', import.meta.url));

/** Inputs that once broke a target of that name. @param {string} target */
export function knownCases(target) {
  const folder = join(tests, 'fixtures', 'fuzz', target);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((name) => readFileSync(join(folder, name)));
}

export function mapSeeds() {
  /** @type {Record<'parse' | 'errors' | 'find' | 'ranges', { map: string, name?: string }[]>} */
  const table = JSON.parse(readFileSync(join(tests, 'cases', 'shardmap.json'), 'utf8'));
  const cases = [...table.parse, ...table.errors, ...table.find, ...table.ranges];
  const texts = cases.map(
    ({ map, name = 'blk.3.attn_q.weight' }) => `${map}\0${name}\0@0\x01\x01\x03\x01\x08`,
  );
  return encode(...new Set(texts));
}

const node = 'sys/devices/system/node';

/** Two nodes, four CPUs, and every file that a parser of ours looks for. @type {Record<string, string>} */
const smallMachine = {
  [`${node}/online`]: '0-1\n',
  [`${node}/has_cpu`]: '0-1\n',
  [`${node}/node0/cpulist`]: '0-1\n',
  [`${node}/node0/cpumap`]: '00000003\n',
  [`${node}/node0/meminfo`]: 'Node 0 MemTotal: 1000 kB\nNode 0 MemFree: 500 kB\nNode 0 Active(file): 9 kB\n',
  [`${node}/node0/distance`]: '10 20\n',
  [`${node}/node0/hugepages/hugepages-2048kB/nr_hugepages`]: '1\n',
  [`${node}/node0/access1/initiators/read_bandwidth`]: '1000\n',
  [`${node}/node1/cpulist`]: '2-3\n',
  [`${node}/node1/meminfo`]: 'Node 1 MemTotal: 1000 kB\nNode 1 MemFree: 500 kB\nNode 1 SReclaimable: 5 kB\n',
  [`${node}/node1/distance`]: '20 10\n',
  'sys/devices/system/cpu/online': '0-3\n',
  'sys/devices/system/cpu/cpu0/topology/thread_siblings_list': '0-1\n',
  'sys/devices/system/cpu/cpu2/topology/core_id': '1\n',
  'proc/self/status': 'Cpus_allowed_list:\t0-3\nMems_allowed_list:\t0-1\n',
  'proc/self/cgroup': '0::/a/b\n',
  'proc/zoneinfo': 'Node 0, zone Normal\n  pages free 9\n        low      2\n',
  'proc/meminfo': 'MemTotal: 2000 kB\n',
  'sys/fs/cgroup/a/memory.max': '100000\n',
  'sys/fs/cgroup/a/memory.current': '5000\n',
  'sys/fs/cgroup/a/memory.stat': 'anon 1\nfile 2\n',
};

/** @param {'' | '/'} slash before each path */
export function sysfsSeeds(slash) {
  const folder = join(tests, 'fixtures', 'topology');
  const machines = readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  return [smallMachine, ...machines].map((/** @type {Record<string, string>} */ files) => {
    const records = Object.entries(files).map(([path, text]) => `${slash}${path}\n${text}`);
    return Uint8Array.from(Buffer.from(records.join('\x1e'), 'latin1'));
  });
}

export function reportSeeds() {
  const tensor = {
    model: 0,
    name: 'blk.0.attn_q.weight',
    buffer: 'CPU_Mapped',
    cut: 'rows',
    group: 1,
    inHostMemory: true,
    address: 65_536,
    byteLength: 16_384,
    shape: [1024, 16, 1, 1],
    residency: 'private',
    fileOffset: 4096,
    nodes: { 0: 8192, 1: 8192 },
  };
  const report = {
    schema: 'numashard/report/1',
    pid: 42,
    startTicks: 9,
    map: '*:rows',
    ggmlVersion: '0.27.0',
    residency: 'private',
    models: [{ id: 0, files: ['/models/m.gguf'] }],
    shares: [0, 1].map((node) => ({ node, weight: 1 })),
    placedWorkers: 2,
    workers: [0, 1].map((index) => ({ index, threads: 2, tid: 43 + index, node: index, cpus: [index] })),
    threads: { asked: 2, seen: [2] },
    tensors: [tensor],
    other: [{ ...tensor, name: 'kv', cut: 'none', shape: undefined, fileOffset: null }],
    placedBytes: 16_384,
    misplacedBytes: 0,
    absentBytes: 0,
    unknownBytes: 0,
    movedPages: 1,
    seconds: 0.5,
    graphs: 3,
    warnings: [{ code: 'node-full', message: 'node 1 is full' }],
  };
  const assumed = { ...report, threads: 'assumed', workers: [], tensors: [] };
  return encode(JSON.stringify(report), JSON.stringify(assumed));
}
