// SPDX-License-Identifier: MIT
// Commands as people write them: wrappers, shells, llama-server's router and its children, two at once; and programs
// that no preload reaches. Real llama.cpp, as a user without privilege where that matters.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LabMachine } from '../../../src/lab/lab-machine.js';
import {
  benchOptions,
  commonOptions,
  environmentOptions,
  isModelPreset,
} from '../../../src/runtime/command-options.js';
import { Figures, percent } from './figures.js';
import { bootWithModels, exec, execOk, isThorough, oneToken, readModel, runVerified, said } from './guest.js';
import { judge, type RunReport, rowOwners } from './judge.js';

const figures = new Figures('commands');
const text = '/models/text.gguf';
const bench = ['llama-bench', '-m', text, '-t', '4', ...oneToken];
let machine: LabMachine;

beforeAll(async () => {
  machine = await bootWithModels(['text']);
});
afterAll(async () => {
  figures.save();
  await machine?.stop();
});

interface Processes extends RunReport {
  readonly pid: number;
  readonly processes: readonly {
    readonly pid: number;
    readonly models: readonly { readonly files: readonly string[] }[];
    readonly placedBytes: number;
    readonly rows: { readonly byteLength: number; readonly localBytes: number };
    readonly verified: boolean;
    readonly faults: readonly string[];
  }[];
}

async function readReport(path: string): Promise<Processes> {
  return JSON.parse((await machine.readFile(path)).toString());
}

function expectAllLocal({ processes, faults, verified }: Processes, what: string, count: number): void {
  expect(processes, what).toHaveLength(count);
  expect(new Set(processes.map(({ pid }) => pid)).size).toBe(count);
  expect({ faults, verified }, what).toEqual({ faults: [], verified: true });
  const shares = processes.map(({ rows }) => rows.localBytes / rows.byteLength);
  const line = `${what}: rows local ${shares.map(percent).join(', ')}`;
  figures.add(line, { what, shares });
  for (const share of shares) expect(share, line).toBeGreaterThan(0.98);
}

describe('programs that no preload reaches', () => {
  beforeAll(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'numashard-grant-'));
    const source = fileURLToPath(new URL('../../native/grant-capability.c', import.meta.url));
    execFileSync('cc', ['-static', '-o', join(directory, 'grant'), source]);
    await machine.writeFile('/run/odd/grant', readFileSync(join(directory, 'grant')));
    rmSync(directory, { recursive: true });
    await execOk(
      machine,
      `cd /run/odd && mkdir setuid capable static nosuid && mount -t tmpfs -o mode=755,nosuid tmpfs nosuid
       for dir in setuid capable nosuid; do cp $(command -v llama-bench) $dir; done
       cp /usr/bin/busybox static/llama-bench
       chmod 4755 setuid/llama-bench nosuid/llama-bench; chmod 755 grant . */; ./grant capable/llama-bench`,
    );
  });

  const run = (directory: string, ...before: string[]) => {
    const program = [...before, `/run/odd/${directory}/llama-bench`, ...bench.slice(1)];
    return exec(machine, ['numashard', 'run', '--verify', '--', ...program], { user: 1000 });
  };

  const odd: readonly (readonly [string, RegExp])[] = [
    ['setuid', /is setuid: started so, it ignores LD_PRELOAD\nhint: chmod u-s it/],
    ['capable', /has file capabilities: started so, it ignores LD_PRELOAD\nhint: setcap -r /],
    ['static', /is linked statically: no loader reads LD_PRELOAD\nhint: /],
  ];
  it.each(isThorough ? odd : odd.slice(0, 2))('%s: told before it starts', async (directory, message) => {
    const result = await run(directory);
    expect(result.exitCode, said(result)).toBe(125);
    expect(result.stdout.toString()).toBe('');
    expect(result.stderr.toString()).toMatch(message);
  });

  if (isThorough)
    it('setuid counts for nothing on a file system mounted nosuid', async () => {
      const result = await run('nosuid', 'env', 'A=b');
      expect(result.exitCode, said(result)).toBe(0);
      expect(result.stdout.toString()).toContain('build_commit');
    });

  it('that computes nothing: no hook fired', async () => {
    const result = await exec(machine, ['numashard', 'run', '--verify', '--', 'llama-bench', '--help']);
    expect(result.exitCode, said(result)).toBe(125);
    expect(result.stdout.toString()).toContain('--n-gen');
    expect(result.stderr.toString()).toContain('FAILED: no hook fired');
  });
});

describe('the options that are read', () => {
  const helpOf = async (...programs: string[]): Promise<string> => {
    const { stdout } = await execOk(machine, programs.map((program) => `${program} --help 2>&1`).join('; '));
    return stdout.toString();
  };
  const missing = (words: Iterable<string>, help: string): string[] => {
    const known = new Set(help.match(/(?<=[\s,])--?[a-zA-Z][\w.-]*/g));
    return [...words].filter((word) => !known.has(word));
  };

  it('are those of this llama.cpp, and of earlier ones', async () => {
    const common = await helpOf('llama-server', 'llama-completion');
    // Before 0.7: --load-mode took their place.
    expect(missing(commonOptions.keys(), common)).toEqual([
      '-dio',
      '--direct-io',
      '--mmap',
      '--no-mmap',
      '--mlock',
    ]);
    const presets = common.match(/^--[\w.-]+-(?:default|spec)\b/gm) ?? [];
    expect(presets.length).toBeGreaterThan(5);
    expect(presets.filter((word) => !isModelPreset(word))).toEqual(['--spec-default']);
    const variables = environmentOptions.map(({ variable }) => variable);
    const old = ['LLAMA_ARG_MODEL_DRAFT', 'LLAMA_ARG_MMAP', 'LLAMA_ARG_NO_MMAP', 'LLAMA_ARG_MLOCK'];
    // Of a switch with a negative form there is a variable that no help names: common_arg::get_env().
    const unnamed = ['LLAMA_ARG_NO_REPACK'];
    const gone = variables.filter((variable) => !common.includes(`(env: ${variable})`));
    expect(gone.sort()).toEqual([...old, ...unnamed].sort());
    expect(missing(benchOptions.keys(), await helpOf('llama-bench'))).toEqual([
      '-dio',
      '--direct-io',
      '-mmp',
      '--mmap',
    ]);
  });
});

describe('wrappers', () => {
  it('taskset and numactl in the command are planned for', async () => {
    const { tensors } = await readModel('text');
    const { report, result } = await runVerified(machine, [
      'taskset',
      '-c',
      '2-5',
      'numactl',
      '-m',
      '1-2',
      ...bench,
    ]);
    expect(result.exitCode, said(result)).toBe(0);
    expect(report).toMatchObject({ map: '*:rows(1-2)', faults: [], verified: true });
    const nodes = report.workers.map(({ node }) => node);
    expect(nodes).toEqual([1, 1, 2, 2]);
    // The judge counts nodes from 0.
    const shifted = {
      ...report,
      workers: report.workers.map((worker) => ({ ...worker, node: (worker.node ?? 0) - 1 })),
    };
    const pages = shifted.tensors.map((tensor) => ({
      ...tensor,
      pages: tensor.pages.map((run) => ({ ...run, node: run.node - 1 })),
    }));
    const { right, bound } = judge({ ...shifted, tensors: pages }, tensors, rowOwners(4, 2), 2);
    expect(right).toBeGreaterThanOrEqual(bound - 0.0015);
  });
});

describe('several processes', () => {
  const flags = ['--verify', '--report', '/tmp/several.json', '-m', text, '-t', '4', '--'];

  it('two numashards on one model at once, one with a shell that starts two: each process is verified', async () => {
    const one = bench.join(' ');
    // Reports that stay: one is used below.
    const env = { GGML_NUMA_SHARD_REPORT: '/tmp/kept-%p.json' };
    const result = await exec(
      machine,
      `numashard run --verify --report /tmp/first.json -- ${one} >/tmp/first.log 2>&1 & first=$!
       numashard run ${flags.join(' ')} sh -c '${one}; ${one}'; echo "second $?"
       wait $first; echo "first $?"`,
      { env },
    );
    expect(result.stdout.toString(), said(result)).toMatch(/second 0\nfirst 0\n$/);
    expectAllLocal(await readReport('/tmp/first.json'), 'at once, one process', 1);
    expectAllLocal(await readReport('/tmp/several.json'), 'at once, sh -c "a; b"', 2);
  });

  if (isThorough)
    it('reports that overwrite each other are told, with what to do', async () => {
      const one = bench.join(' ');
      const env = { GGML_NUMA_SHARD_REPORT: '/tmp/one.json' };
      const command = ['numashard', 'run', ...flags, 'sh', '-c', `${one} & ${one}; wait`];
      const result = await exec(machine, command, { env });
      const report = await readReport('/tmp/several.json');
      expect(report.processes, said(result)).toHaveLength(2);
      // Whichever came to the gate while the other's report lay there.
      for (const fault of report.faults)
        expect(fault).toMatch(/^process \d+: report \/tmp\/one\.json is of process \d+/);
    });

  it('llama-server’s router: the models that its children load are verified', async () => {
    const address = 'http://127.0.0.1:8098';
    const post = "wget -q -O /tmp/answer --header 'Content-Type: application/json' --post-data";
    const result = await exec(
      machine,
      `numashard run --verify --report /tmp/several.json -- llama-server --models-dir /models -t 4 -c 256 --no-warmup --port 8098 >/tmp/router.log 2>&1 &
       run=$!
       until wget -q -O /dev/null ${address}/health || ! kill -0 $run; do sleep 0.3; done
       ${post} '{"model":"text","prompt":"the rest is noise","n_predict":2}' ${address}/completion; echo "answer $?"
       kill -TERM $run; wait $run; echo "run $?"`,
    );
    const log = await exec(machine, 'tail -n 60 /tmp/router.log');
    expect(result.stdout.toString(), said(log)).toBe('answer 0\nrun 0\n');
    const report = await readReport('/tmp/several.json');
    expectAllLocal(report, 'router', 1);
    expect(report.processes[0]?.models[0]?.files).toEqual([text]);
  });
});

it('the report of a dead process that had the number before is not believed', async () => {
  const result = await exec(
    machine,
    `cat $(ls /tmp/kept-*.json | head -n 1) >/tmp/old.json
     mkdir -p $XDG_RUNTIME_DIR/numashard
     sleep 60 & pid=$!
     sed "s/\\"pid\\":[0-9]*/\\"pid\\":$pid/" /tmp/old.json >$XDG_RUNTIME_DIR/numashard/$pid.json
     numashard verify $pid; echo "verify $?"; kill $pid; rm $XDG_RUNTIME_DIR/numashard/$pid.json`,
  );
  expect(result.stdout.toString(), said(result)).toContain('verify 3');
  expect(result.stderr.toString()).toMatch(/is of an earlier process \d+, which has ended/);
});
