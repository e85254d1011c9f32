// SPDX-License-Identifier: MIT
// What must not go wrong when the machine or the user does not play along: full nodes, one node, killed programs,
// contradicting flags, maps that make no sense, users without privilege.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import { Figures, percent } from './figures.js';
import {
  bootWithModels,
  exec,
  execOk,
  numashardLines,
  oneToken,
  preload,
  prepareCache,
  readModel,
  runVerified,
  said,
} from './guest.js';
import { eachPage, judge, rowOwners } from './judge.js';

const nodes = 4;
const figures = new Figures('hardship');
const text = '/models/text.gguf';
const bench = ['llama-bench', '-m', text, '-t', '4', ...oneToken];
let machine: LabMachine;

afterAll(async () => {
  figures.save();
  await machine?.stop();
});

describe('on four nodes', () => {
  beforeAll(async () => {
    machine = await bootWithModels(['text', 'dense-q8_0']);
  });

  it('a report that cannot be written is refused before anything starts', async () => {
    // No such folder, a read-only file system, a folder.
    for (const path of ['/no/such/folder/report.json', '/numashard/report.json', '/tmp']) {
      const result = await exec(machine, ['numashard', 'run', '--report', path, '--', ...bench]);
      expect(result.exitCode, said(result)).toBe(125);
      expect(result.stdout.toString(), 'llama-bench was not started').toBe('');
      expect(result.stderr.toString()).toMatch(/^error: the report .* cannot be written \(E[A-Z]+\)\nhint: /);
      expect(result.stderr.toString()).toContain(path);
    }
  });

  it('a flag that contradicts the plan is named', async () => {
    const result = await exec(machine, ['numashard', 'run', '--', ...bench, '--numa', 'isolate']);
    expect(result.exitCode, said(result)).toBe(125);
    expect(result.stdout.toString()).toBe('');
    expect(result.stderr.toString()).toMatch(/error: --numa isolate \(word \d+ of the command\)/);
  });

  it('a map that names an absent node is refused with its column', async () => {
    const result = await exec(machine, ['numashard', 'run', '--map', '0-3:node1,attn:node9', '--', ...bench]);
    expect(result.exitCode, said(result)).toBe(125);
    expect(result.stdout.toString()).toBe('');
    expect(result.stderr.toString()).toMatch(/^error: .*column \d+, rule 'attn:node9': .*node 9/);
  });

  const bare = { ...preload, GGML_NUMA_SHARD_REPORT: '/tmp/bare.json' };

  it('without run, the map alone is enough', async () => {
    const env = { ...bare, GGML_NUMA_SHARD_MAP: '*:rows' };
    const result = await exec(machine, bench, { env });
    expect(result.exitCode, said(result)).toBe(0);
    expect(numashardLines(result)).toEqual([]);
    const report = JSON.parse((await machine.readFile('/tmp/bare.json')).toString());
    expect(report.placedBytes - report.misplacedBytes).toBeGreaterThan(0.99 * report.placedBytes);
    await execOk(machine, 'rm /tmp/bare.json');
  });

  it('without run, a map that does not parse costs one line, and the model runs', async () => {
    const result = await exec(machine, bench, {
      env: { ...bare, GGML_NUMA_SHARD_MAP: '0-3:node1,attn;node2' },
    });
    expect(result.exitCode, said(result)).toBe(0);
    expect(result.stdout.toString()).toContain('build_commit');
    const lines = numashardLines(result);
    expect(lines, said(result)).toHaveLength(1);
    expect(lines[0]).toMatch(/column 1\d\b/);
    expect((await exec(machine, 'cat /tmp/bare.json')).exitCode, 'nothing was placed').not.toBe(0);
  });

  it.each(['load', 'generation'] as const)('a kill during %s leaves nothing behind', async (phase) => {
    const before = await traces();
    // The larger model takes seconds to load. The report counts the graphs.
    const [model, isReached] = {
      load: ['dense-q8_0', 'grep -qs dense-q8_0.gguf /proc/$(pidof llama-bench)/maps'],
      generation: ['text', 'grep -qs \'"graphs":[1-9]\' $XDG_RUNTIME_DIR/numashard/*.json'],
    }[phase] as [string, string];
    await prepareCache(machine, model, 'cold');
    const killer = `until ${isReached}; do sleep 0.05; done; pidof llama-bench; kill -KILL $(pidof llama-bench)`;
    const command = `numashard run --verify --report /tmp/killed.json -- llama-bench -m /models/${model}.gguf -t 4 -p 0 -n 50 -r 1`;
    const result = await exec(machine, `(${killer}) >/tmp/killer.log 2>&1 & exec ${command}`);
    expect(result.signal, said(result)).toBe('SIGKILL');
    const report = JSON.parse((await machine.readFile('/tmp/killed.json')).toString());
    expect(report).toMatchObject({ verified: false, ended: { exitCode: null, signal: 'SIGKILL' } });
    await execOk(machine, 'rm /tmp/killed.json /tmp/killer.log');
    await expectNothingLeft(before);
  });

  it('SIGTERM reaches llama-server, which ends properly and is verified', async () => {
    const before = await traces();
    const address = 'http://127.0.0.1:8099';
    const request = `--header 'Content-Type: application/json' --post-data '{"prompt":"the rest is noise","n_predict":2}'`;
    const result = await exec(
      machine,
      `numashard run --verify --report /tmp/served.json -- llama-server -m ${text} -t 4 -c 256 --no-warmup --port 8099 >/tmp/served.log 2>&1 &
       run=$!
       until wget -q -O /tmp/health ${address}/health || ! kill -0 $run; do sleep 0.3; done
       wget -q -O /tmp/completion ${request} ${address}/completion
       numashard verify $(pidof llama-server) --json >/tmp/verified.json; echo "verify $?"
       kill -TERM $run; wait $run; echo "run $?"`,
    );
    const log = await exec(machine, 'tail -n 30 /tmp/served.log');
    expect(result.stdout.toString(), said(log)).toBe('verify 0\nrun 0\n');
    expect(JSON.parse((await machine.readFile('/tmp/completion')).toString()).content).not.toBe('');
    const [verified, served] = await Promise.all(
      ['/tmp/verified.json', '/tmp/served.json'].map(async (path) =>
        JSON.parse((await machine.readFile(path)).toString()),
      ),
    );
    expect(served).toMatchObject({ verified: true, faults: [], ended: { exitCode: 0 } });
    expect(verified).toMatchObject({ faults: [], map: '*:rows' });
    expect(verified.misplacedBytes).toBe(served.misplacedBytes);
    await execOk(
      machine,
      'rm /tmp/health /tmp/completion /tmp/verified.json /tmp/served.json /tmp/served.log',
    );
    await expectNothingLeft(before);
  });

  it('a user without privilege gets the same, from run and from place', async () => {
    const { tensors } = await readModel('text');
    const { report, result } = await runVerified(machine, bench, { user: 1000 });
    expect(result.exitCode, said(result)).toBe(0);
    const { right, bound, local } = judge(report, tensors, rowOwners(4, nodes), nodes);
    const line = `user 1000: ${percent(right)} right (bound ${percent(bound)}), rows ${percent(local)} local`;
    figures.add(line, { case: 'unprivileged', right, bound, local });
    expect(right, line).toBeGreaterThanOrEqual(bound - 0.0015);
    await prepareCache(machine, 'text', 'warm');
    const place = ['numashard', 'place', text, '--threads', '4', '--json'];
    const placing = await exec(machine, place, { user: 1000 });
    expect(placing.exitCode, said(placing)).toBe(0);
    const placed = JSON.parse(placing.stdout.toString());
    expect(placed.placedBytes - placed.misplacedBytes - placed.absentBytes).toBeGreaterThan(
      0.98 * placed.placedBytes,
    );
  });

  it('what a full node cannot hold goes to another, and the rest stays right', async () => {
    const { tensors } = await readModel('dense-q8_0');
    const full = 2;
    await execOk(machine, 'echo 3 >/proc/sys/vm/drop_caches');
    // All but 48 MiB of what is free: less than 20 MiB of that is given out, because the kernel needs some itself.
    const free = Number(
      (
        await execOk(machine, `sed -n 's/.*MemFree: *//p' /sys/devices/system/node/node${full}/meminfo`)
      ).stdout
        .toString()
        .split(' ')[0],
    );
    const hog = Math.floor(free / 1024) - 48;
    await execOk(
      machine,
      `numactl --membind=${full} dd if=/dev/zero of=/dev/shm/hog bs=1M count=${hog} 2>/dev/null`,
    );
    const command = ['llama-bench', '-m', '/models/dense-q8_0.gguf', '-t', '4', ...oneToken];
    const { report, result } = await runVerified(machine, command);
    const oom = await exec(machine, 'dmesg | grep -ci "out of memory"');
    await execOk(machine, 'rm /dev/shm/hog');
    expect(report.ended, said(result)).toEqual({ exitCode: 0, signal: null });
    expect(oom.stdout.toString()).toBe('0\n');
    expect(result.stdout.toString(), 'the model was served').toContain('build_commit');
    expect(result.stderr.toString()).toContain('node-full');
    expect(report.warnings.map(({ code }) => code)).toContain('node-full');

    const found: Record<number, number> = {};
    for (const tensor of report.tensors) {
      eachPage(tensor, (_page, node) => {
        found[node] = (found[node] ?? 0) + 1;
      });
    }
    const { right, byNode } = judge(report, tensors, rowOwners(4, nodes), nodes);
    const away = byNode.map(({ bytes, there }) => bytes - there);
    const line = `node ${full} full: ${percent(right)} right; bytes away from their node ${away.join(', ')}; pages by node ${JSON.stringify(found)}`;
    figures.add(line, { case: 'full node', right, away, pagesByNode: found });
    expect(away[full], line).toBeGreaterThan(1 << 20);
    for (const node of [0, 1, 3]) {
      const { bytes = 0, there = 0 } = byNode[node] ?? {};
      expect(there / bytes, line).toBeGreaterThan(0.998);
    }
  });
});

describe('on one node', () => {
  beforeAll(async () => {
    await machine?.stop();
    machine = await bootWithModels(['text'], [], 'x86-1n');
  });

  it('the program runs as before, and one line says so', async () => {
    const result = await exec(machine, ['numashard', 'run', '--', ...bench]);
    expect(result.exitCode, said(result)).toBe(0);
    expect(result.stdout.toString()).toContain('build_commit');
    expect(numashardLines(result)).toEqual([expect.stringContaining('one NUMA node')]);
  });
});

/** The folder in which reports lie goes with the last of them. */
async function expectNothingLeft(before: string): Promise<void> {
  const now = await traces();
  expect(now).toBe(before);
  expect(now).not.toContain('/run/user/0/numashard');
}

/** Our processes, and files outside the compile cache. */
async function traces(): Promise<string> {
  const files = 'find /tmp /run/user /dev/shm -path /tmp/node-compile-cache -prune -o -print | sort';
  const { stdout } = await execOk(
    machine,
    `${files}; ps -o args | grep -E '[n]umashard|[l]lama-' || echo none`,
  );
  return stdout.toString();
}
