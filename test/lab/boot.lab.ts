// SPDX-License-Identifier: MIT
// The emulated four-node machine itself: that it is what its file says, and that commands, files and failures come
// through exactly. Everything else in test/lab stands on this.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootMachine } from '../../src/lab/boot.js';
import { demoModelFile } from '../../src/lab/demo-model-file.js';
import type { LabMachine } from '../../src/lab/lab-machine.js';
import { labRun } from '../../src/lab/run.js';
import { setting } from './setting.js';

const scratch = mkdtempSync(join(tmpdir(), 'numashard-lab-'));
let machine: LabMachine;

beforeAll(async () => {
  const models = [await demoModelFile('text', setting.cacheDirectory)];
  machine = await bootMachine({ machine: 'x86-4n', models, project: true, scratch: true, ...setting });
});

afterAll(async () => {
  await machine?.stop();
  rmSync(scratch, { recursive: true });
});

describe('the machine', () => {
  it('has the nodes, CPUs, memory and distances of its file', async () => {
    const nodes = await output(
      'cd /sys/devices/system/node; for n in 0 1 2 3; do cat node$n/cpulist node$n/distance; done',
    );
    expect(nodes.split('\n')).toEqual([
      ...['0-1', '10 21 21 21', '2-3', '21 10 21 21'],
      ...['4-5', '21 21 10 21', '6-7', '21 21 21 10'],
    ]);
    expect(await output('cat /sys/devices/system/node/online')).toBe('0-3');
    const kilobytes = (await output("sed -n 's/.*MemTotal: *//p' /sys/devices/system/node/node*/meminfo"))
      .split('\n')
      .map((line) => Number.parseInt(line, 10));
    expect(kilobytes).toHaveLength(4);
    // The kernel keeps some of each node for itself.
    for (const size of kilobytes) expect(size).toBeGreaterThan(0.85 * 1024 * 1024);
    expect(await output('numactl --hardware')).toContain('available: 4 nodes (0-3)');
  });

  it('is set up like a server: name, kernel, loopback, cgroups, balancing, caches that can be dropped', async () => {
    expect(await output('hostname')).toBe('x86-4n');
    expect(machine.versions.kernel.split(' ')[0]).toBe(`linux-image-${await output('uname -r')}`);
    expect(await output('cat /proc/sys/kernel/numa_balancing')).toBe('1');
    expect(
      await output('ping -c 1 -W 5 127.0.0.1 >/dev/null && cat /sys/fs/cgroup/cgroup.controllers'),
    ).toContain('memory');
    expect(await output('echo 3 >/proc/sys/vm/drop_caches && ls /sys/kernel/mm/hugepages')).toContain(
      'hugepages-2048kB',
    );
    expect(await output('stat -c %a "$XDG_RUNTIME_DIR"')).toBe('700');
  });

  it('runs the Node.js and the llama.cpp that versions.json names', async () => {
    expect(machine.versions.node).toContain((await output('node --version')).slice(1));
    expect(await output('llama-bench --version 2>&1')).toContain('haswell');
    expect(await output('test -f /numashard/package.json && echo there')).toBe('there');
  });

  it('runs an unmodified llama-bench on a demo model', async () => {
    const { stdout } = await machine.execOk(
      ['llama-bench', '-m', '/models/text.gguf', '-t', '4', '-p', '0', '-n', '2', '-r', '1', '-o', 'json'],
      { timeoutMilliseconds: 300_000 },
    );
    const [run] = JSON.parse(stdout.toString()) as { avg_ts: number; n_gen: number }[];
    expect(run?.n_gen).toBe(2);
    expect(run?.avg_ts).toBeGreaterThan(0);
  });
});

describe('exec', () => {
  it('keeps apart standard output, standard error and status', async () => {
    const result = await machine.exec('echo out; echo err >&2; exit 3');
    expect(result).toMatchObject({ exitCode: 3, signal: null });
    expect(result.stdout.toString()).toBe('out\n');
    expect(result.stderr.toString()).toBe('err\n');
  });

  it('passes arguments as they are', async () => {
    const words = ['a b', "it's", 'x\ny', '', '$HOME', '*', 'ü'];
    const { stdout } = await machine.execOk(['printf', '%s|', ...words]);
    expect(stdout.toString()).toBe(`${words.join('|')}|`);
  });

  it('passes variables as they are', async () => {
    const env = { SOME_VALUE: 'a  "b" $c\n' };
    const { stdout } = await machine.execOk(['sh', '-c', 'printf %s "$SOME_VALUE"'], { env });
    expect(stdout.toString()).toBe(env.SOME_VALUE);
  });

  it('tells a signal from a status that looks like one', async () => {
    expect(await machine.exec(['sh', '-c', 'kill -TERM $$'])).toMatchObject({
      exitCode: null,
      signal: 'SIGTERM',
    });
    expect(await machine.exec(['sh', '-c', 'kill -INT $$'])).toMatchObject({
      exitCode: null,
      signal: 'SIGINT',
    });
    expect(await machine.exec(['sh', '-c', 'exit 143'])).toMatchObject({ exitCode: 143, signal: null });
    expect(await machine.exec(['no-such-program'])).toMatchObject({ exitCode: 127, signal: null });
  });

  it('loses nothing of 50 MB', async () => {
    const byteLength = 50_000_000;
    const command = `head -c ${byteLength} /dev/urandom >/tmp/random; cat /tmp/random; sha256sum /tmp/random >&2; rm /tmp/random`;
    const { stdout, stderr } = await machine.execOk(command);
    expect(stdout.byteLength).toBe(byteLength);
    expect(stderr.toString()).toContain(createHash('sha256').update(stdout).digest('hex'));
  });

  it('passes output on while the command runs', async () => {
    let isDone = false;
    let wasEarly = false;
    const onStdout = () => {
      wasEarly ||= !isDone;
    };
    await machine.execOk('echo early; sleep 1', { onStdout }).then(() => {
      isDone = true;
    });
    expect(wasEarly).toBe(true);
  });

  it('runs commands in the order they were asked for', async () => {
    const results = await Promise.all(
      ['sleep 0.3; echo 1', 'echo 2', 'echo 3'].map((text) => machine.execOk(text)),
    );
    expect(results.map(({ stdout }) => stdout.toString())).toEqual(['1\n', '2\n', '3\n']);
  });

  it('has a user without privilege', async () => {
    const command =
      'id -u; echo "$HOME $XDG_RUNTIME_DIR"; echo again >/dev/stdout; touch /run/user/0/x || touch "$HOME/x"';
    const { stdout, stderr } = await machine.execOk(command, { user: 1000 });
    expect(stdout.toString()).toBe('1000\n/tmp/user /run/user/1000\nagain\n');
    expect(stderr.toString()).toContain('Permission denied');
  });

  it('kills what takes too long, and goes on', async () => {
    const command = 'echo started >&2; sleep 1000 & sleep 1000';
    await expect(machine.exec(command, { timeoutMilliseconds: 1000 })).rejects.toMatchObject({
      code: 'lab-failed',
      message: expect.stringMatching(/1000 ms.*killed: started/),
    });
    expect(await output('pidof sleep || echo none')).toBe('none');
  });
});

describe('files', () => {
  it('come and go byte for byte', async () => {
    const data = randomBytes(3_000_001);
    await machine.writeFile('/tmp/a folder/data', data);
    expect((await machine.readFile('/tmp/a folder/data')).equals(data)).toBe(true);
    await machine.writeFile('/tmp/empty', '');
    expect(await machine.readFile('/tmp/empty')).toHaveLength(0);
  });

  it('that are missing are an error that names them', async () => {
    await expect(machine.readFile('/no/such/file')).rejects.toMatchObject({
      code: 'lab-failed',
      message: expect.stringContaining('/no/such/file'),
    });
  });

  it('can be fetched by the folder', async () => {
    await machine.execOk('mkdir -p /out/deep; echo one >/out/first; echo two >/out/deep/second');
    await machine.fetchDirectory('/out', join(scratch, 'fetched'));
    expect(readFileSync(join(scratch, 'fetched/first'), 'utf8')).toBe('one\n');
    expect(readFileSync(join(scratch, 'fetched/deep/second'), 'utf8')).toBe('two\n');
  });

  it('of the model are the host file, read-only', async () => {
    const path = await demoModelFile('text', setting.cacheDirectory);
    expect((await machine.readFile('/models/text.gguf')).equals(readFileSync(path))).toBe(true);
    expect(await machine.exec('echo >>/models/text.gguf')).toMatchObject({ exitCode: 1 });
  });

  it('are written to the scratch drive, which starts empty', async () => {
    expect(await output('ls /scratch | grep -v lost+found || echo empty')).toBe('empty');
    expectDrives(
      (await machine.execOk(lookAtDrives)).stdout,
      'ext4',
      await demoModelFile('text', setting.cacheDirectory),
    );
  });
});

describe('another machine, with XFS and a drive to write to', () => {
  it('may have unequal nodes; a run fetches /out and reports the status', async () => {
    const outDirectory = join(scratch, 'run');
    const result = await labRun({
      machine: {
        name: 'unequal',
        architecture: 'x86-64',
        kernel: '6.1',
        nodes: [
          { cpus: 1, memoryMebibytes: 512 },
          { cpus: 2, memoryMebibytes: 256 },
          { cpus: 0, memoryMebibytes: 128 },
        ],
        distances: [
          [10, 15, 30],
          [15, 10, 30],
          [30, 30, 10],
        ],
      },
      models: ['demo:text'],
      fileSystem: 'xfs',
      scratch: true,
      command: ['sh', '-c', `numactl --hardware >/out/hardware; ${lookAtDrives}; exit 5`],
      outDirectory,
      ...setting,
    });
    expect(result).toMatchObject({ machine: 'unequal', exitCode: 5 });
    const hardware = readFileSync(join(outDirectory, 'hardware'), 'utf8');
    expect(hardware).toContain('node 0 cpus: 0\n');
    expect(hardware).toContain('node 1 cpus: 1 2\n');
    expect(hardware).toContain('node 2 cpus:\n');
    expectDrives(result.stdout, 'xfs', await demoModelFile('text', setting.cacheDirectory));
  });
});

describe('another kernel', () => {
  it("is Debian unstable's, on the same machine", async () => {
    const { versions, exitCode, stdout } = await labRun({
      machine: 'x86-4n',
      kernel: 'unstable',
      models: ['demo:text'],
      fileSystem: 'xfs',
      scratch: true,
      command: [
        'sh',
        '-c',
        `uname -r; cat /sys/devices/system/node/online; llama-bench --version 2>&1; ${lookAtDrives}`,
      ],
      ...setting,
    });
    expect(exitCode).toBe(0);
    const [release = '', online, ...said] = stdout.toString().split('\n');
    expect(versions.kernel.split(' ')[0]).toBe(`linux-image-${release}`);
    expect(Number.parseInt(release, 10), release).toBeGreaterThanOrEqual(7);
    expect(online).toBe('0-3');
    expect(said.join('\n')).toContain('haswell');
    expectDrives(stdout, 'xfs', await demoModelFile('text', setting.cacheDirectory));
  });
});

describe('a machine that dies', () => {
  it('says what its console said, then and afterwards', async () => {
    const panic = 'sleep 0.1; echo c >/proc/sysrq-trigger; sleep 60';
    const death = { code: 'lab-failed', message: expect.stringContaining('Kernel panic') };
    await expect(machine.exec(panic)).rejects.toMatchObject(death);
    await expect(machine.exec('true')).rejects.toMatchObject(death);
  });
});

/** Writes as another user, and through to the drive. */
const lookAtDrives = [
  'cat /proc/mounts; sha256sum /models/text.gguf',
  'su user -c "cp /models/text.gguf /scratch/copy"; sync; echo 3 >/proc/sys/vm/drop_caches',
  'sha256sum /scratch/copy; rm /scratch/copy',
].join('; ');

function expectDrives(stdout: Buffer, fileSystem: string, model: string): void {
  const text = stdout.toString();
  expect(text).toMatch(new RegExp(`^/dev/vd. /models/text\\.gguf ${fileSystem} ro,`, 'm'));
  expect(text).toMatch(new RegExp(`^/dev/vd. /scratch ${fileSystem} rw,`, 'm'));
  const digest = createHash('sha256').update(readFileSync(model)).digest('hex');
  expect(text).toContain(`${digest}  /models/text.gguf`);
  expect(text).toContain(`${digest}  /scratch/copy`);
}

async function output(command: string): Promise<string> {
  return (await machine.execOk(command)).stdout.toString().trimEnd();
}
