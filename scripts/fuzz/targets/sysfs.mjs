// SPDX-License-Identifier: MIT
// A machine's /sys and /proc. Input: records "path, line feed, content" with byte 0x1e between them, paths without the
// leading slash; native/fuzz/sysfs.c reads the same with it.
import { checkRefusal, encode, promise } from '../check.mjs';
import { sysfsSeeds } from '../seeds.mjs';

/** @param {import('../targets.mjs').Load} load @returns {Promise<import('../targets.mjs').Target>} */
export async function openSysfs(load) {
  const errors = await load('errors.js');
  const { readTopology } = await load('topology/read-topology.js');
  const { parseFileMappings } = await load('runtime/file-mappings.js');
  const { machineNodes } = await load('plan/machine-nodes.js');
  return {
    seeds: sysfsSeeds(''),
    maxLength: 2048,
    tokens: encode(
      '\x1e',
      '\0',
      '\n',
      ',',
      '-',
      ' ',
      ' kB',
      '0-3',
      '0-3,8',
      '00000000,0000000f',
      'MemTotal:',
      'MemFree:',
      'sys/devices/system/node/node0/',
      'sys/devices/system/node/node8/',
      'sys/devices/system/node/online',
      'sys/devices/system/node/has_cpu',
      'sys/devices/system/cpu/online',
      'sys/devices/system/cpu/present',
      'cpulist',
      'cpumap',
      'meminfo',
      'distance',
      'hugepages/hugepages-2048kB/nr_hugepages',
      'cpu3',
      'access1/initiators/read_bandwidth',
      'access1/initiators/node0',
      'proc/self/status\n',
      'proc/meminfo\n',
      'Mems_allowed_list:\t',
      'Cpus_allowed_list:\t',
      'proc/self/auxv',
      'topology/core_id',
      '65535',
      '10 20',
      '7f00000-7f01000 r--s 00000000 fd:01 42 /models/m.gguf',
    ),
    async run(input) {
      const text = Buffer.from(input).toString('latin1');
      for (const { start, end, fileOffset, path } of parseFileMappings(text)) {
        promise(
          [start, end, fileOffset].every(Number.isFinite) && path.startsWith('/'),
          'mappings are sound',
        );
      }
      const topology = await readTopology(recordedRoot(text)).catch((/** @type {unknown} */ thrown) =>
        checkRefusal(errors, /^topology-unreadable$/, thrown),
      );
      if (!topology) return;
      checkTopology(topology);
      const { nodes, usableNodes } = machineNodes(topology);
      promise(
        usableNodes.every((/** @type {number} */ node) => nodes.includes(node)),
        'usable nodes have memory',
      );
    },
  };
}

/** @param {string} text */
function recordedRoot(text) {
  const files = new Map(
    text.split('\x1e', 1024).map((record) => {
      const end = record.indexOf('\n');
      return end < 0 ? [record, ''] : [record.slice(0, end), record.slice(end + 1)];
    }),
  );
  /** @type {Map<string, Set<string>>} */
  const folders = new Map();
  for (const path of files.keys()) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end);
      const names = folders.get(folder) ?? new Set();
      folders.set(folder, names.add(path.slice(end + 1).split('/', 1)[0] ?? ''));
    }
  }
  return {
    readText: async (/** @type {string} */ path) => files.get(path) ?? null,
    list: async (/** @type {string} */ directory) => {
      const names = folders.get(directory);
      return names ? [...names].sort() : null;
    },
  };
}

/** @param {any} topology */
function checkTopology({ source, pageSize, nodes, cores, limits, warnings }) {
  promise(source === 'sysfs' || source === 'none', 'a source');
  promise(Number.isSafeInteger(pageSize) && pageSize >= 512, 'a page size');
  promise(nodes.length > 0, 'a machine has a node');
  for (const { id, cpus, offlineCpus, memoryBytes, freeBytes, distances } of nodes) {
    promise(Number.isSafeInteger(id) && id >= 0, 'node ids are whole');
    promise(isAscending(cpus) && isAscending(offlineCpus), 'CPUs ascend');
    for (const bytes of [memoryBytes, freeBytes])
      promise(bytes === null || (Number.isSafeInteger(bytes) && bytes >= 0), 'bytes are whole');
    promise(Object.values(distances).every(Number.isSafeInteger), 'distances are whole');
  }
  const taken = cores.flatMap((/** @type {any} */ core) => core.cpus);
  promise(new Set(taken).size === taken.length, 'a CPU belongs to one core');
  promise(isAscending(limits.cpus), 'limits ascend');
  promise(
    warnings.every((/** @type {any} */ { code, message }) => code && message),
    'warnings speak',
  );
}

/** @param {readonly number[]} ids */
function isAscending(ids) {
  return ids.every((id, index) => Number.isSafeInteger(id) && id > (ids[index - 1] ?? -1));
}
