// SPDX-License-Identifier: MIT
// On a server: the archive unpacked there, its exports evaluated by a shell and taken from an environment file, a
// llama-server that is asked about from outside; and the demonstration on a machine that has several nodes itself.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoModelFile } from '../../src/lab/demo-model-file.js';
import type { LabMachine } from '../../src/lab/lab-machine.js';
import { archiveOf, ownPlatform, pack } from '../package/archives.js';
import {
  bootWithModels,
  exec,
  execOk,
  explainedBound,
  isThorough,
  oneToken,
  said,
} from './main-job/guest.js';
import { setting } from './setting.js';

const scratch = mkdtempSync(join(tmpdir(), 'numashard-server-'));
const model = '/models/text.gguf';
let machine: LabMachine;
/** bin/numashard of the archive, in the guest. */
let numashard: string;
/** The best that whole pages allow. */
let bound: number;

beforeAll(async () => {
  machine = await bootWithModels(['text']);
  expect(pack(scratch, [ownPlatform])).toMatchObject({ status: 0, stderr: '' });
  const archive = archiveOf(scratch, ownPlatform);
  await machine.writeFile('/tmp/numashard.tar.gz', readFileSync(archive));
  // The project's own numashard must not be what answers.
  await execOk(machine, 'umount /numashard && mkdir /tmp/opt && tar -xzf /tmp/numashard.tar.gz -C /tmp/opt');
  bound = explainedBound('*:rows', await demoModelFile('text', setting.cacheDirectory), '0:1,1:1,2:1,3:1');
  expect(bound).toBeGreaterThan(0.99);
  numashard = `/tmp/opt/${basename(archive).replace(/\.tar\.gz$/, '')}/bin/numashard`;
});

afterAll(async () => {
  await machine?.stop();
  rmSync(scratch, { recursive: true });
});

interface Report {
  readonly map: string;
  readonly threads: { readonly asked: number | null; readonly seen: readonly number[] };
  readonly placedBytes: number;
  readonly misplacedBytes: number;
  readonly absentBytes: number;
  readonly unknownBytes: number;
}

describe('plan --export of the archive', () => {
  const plan = () => `${numashard} plan ${model} --threads 4`;
  const bench = `llama-bench -m ${model} -t 4 ${oneToken.join(' ')}`;
  const placed = async (): Promise<Report> => {
    const report = JSON.parse((await machine.readFile('/tmp/report.json')).toString()) as Report;
    await execOk(machine, 'rm /tmp/report.json');
    return report;
  };
  const expectPlaced = (report: Report): void => {
    expect(report).toMatchObject({ map: '*:rows', threads: { asked: 4, seen: [4] } });
    const wrong = report.misplacedBytes + report.absentBytes + report.unknownBytes;
    expect(1 - wrong / report.placedBytes).toBeGreaterThan(bound - 0.0015);
  };
  const env = { GGML_NUMA_SHARD_REPORT: '/tmp/report.json' };

  it('evaluated by a shell, places the weights of an llama-bench that knows nothing of it', async () => {
    const result = await exec(machine, `eval "$(${plan()} --export)" && exec ${bench}`, { env });
    expect(result.exitCode, said(result)).toBe(0);
    expectPlaced(await placed());
  });

  it('from an environment file, too', async () => {
    const command = `${plan()} --export=env >/tmp/llama.env && exec env $(cat /tmp/llama.env) ${bench}`;
    const result = await exec(machine, command, { env });
    expect(result.exitCode, said(result)).toBe(0);
    expectPlaced(await placed());
  });

  const itThoroughly = isThorough ? it : () => {};
  itThoroughly('a server started so is verified from outside, and leaves nothing', async () => {
    const before = await traces();
    const ask = `
      const url = 'http://127.0.0.1:8080';
      const ready = async () => (await fetch(url + '/health').catch(() => null))?.ok;
      while (!(await ready())) await new Promise((resolve) => setTimeout(resolve, 200));
      const body = JSON.stringify({ prompt: 'One', n_predict: 2 });
      const answer = await (await fetch(url + '/completion', { method: 'POST', body })).json();
      console.log(answer.tokens_predicted);`;
    await machine.writeFile('/tmp/ask.mjs', ask);
    const command = [
      `eval "$(${plan()} --export)"`,
      `llama-server -m ${model} -t 4 -c 256 -np 1 --no-warmup --port 8080 >/tmp/server.log 2>&1 & server=$!`,
      'unset LD_PRELOAD',
      'node /tmp/ask.mjs',
      `${numashard} verify $server --json >/tmp/verified.json; status=$?`,
      'kill $server; wait $server; cat /tmp/verified.json; rm /tmp/verified.json /tmp/ask.mjs /tmp/server.log',
      'exit $status',
    ].join('\n');
    const result = await exec(machine, command);
    expect(result.exitCode, said(result)).toBe(0);
    const [tokens, verified = ''] = result.stdout.toString().split('\n');
    expect(tokens).toBe('2');
    expect(JSON.parse(verified)).toMatchObject({
      map: '*:rows',
      method: 'move_pages',
      faults: [],
      unknownBytes: 0,
    });
    expect(await traces()).toBe(before);
  });

  it('lab demo uses a machine that has several nodes itself', async () => {
    const words = [numashard, 'lab', 'demo', '--model', model, '--threads', '8', '--json'];
    const result = await exec(machine, words, { timeoutMilliseconds: 600_000 });
    expect(result.exitCode, said(result)).toBe(0);
    const { schema, subtitle, runs } = JSON.parse(result.stdout.toString());
    expect(schema).toBe('numashard/lab-demo/1');
    expect(subtitle).toContain('this machine; llama-bench from PATH; 8 threads');
    const shares = runs.map(({ found }: { found: { rows: { byteLength: number; localBytes: number } } }) => {
      return found.rows.localBytes / found.rows.byteLength;
    });
    expect(shares).toHaveLength(4);
    const [alone, distribute, place, run] = shares;
    for (const share of [alone, distribute]) expect(share).toBeLessThan(0.6);
    for (const share of [place, run]) expect(share).toBeGreaterThan(0.98);
  });

  it('removing its folder removes everything', async () => {
    await execOk(machine, 'rm -r /tmp/opt /tmp/numashard.tar.gz /tmp/llama.env');
    expect(await traces()).toBe('');
  });

  /** Files where programs may write, but for Node.js' own cache. */
  async function traces(): Promise<string> {
    const places = '/tmp /run/user /var/tmp /dev/shm /root';
    const { stdout } = await execOk(
      machine,
      `find ${places} -path /tmp/node-compile-cache -prune -o -mindepth 1 ! -path /tmp/user ! -path /run/user/0 ! -path /run/user/1000 -print | sort`,
    );
    return stdout.toString();
  }
});
