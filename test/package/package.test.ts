// SPDX-License-Identifier: MIT
// The archives for servers: the same bytes from the same sources, the native parts of each platform, and at work in a
// folder of its own without network, npm and compiler, which leaves nothing behind.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compilerFor, targets } from '../../scripts/package/targets.mjs';
import { machineArchive, openFolder, projectDirectory, tinyModelFile } from '../cli/numashard.js';
import { buildHost } from '../native/preload-workshop.js';
import { archiveOf, ownPlatform, type Packed, type Platform, pack, platforms, unpack } from './archives.js';

const folder = openFolder();
const output = folder.file('packages');
let packed: Packed;
/** Compilers take ten seconds, and twenty times as long on a machine that has other things to do. */
const slow = 300_000;

beforeAll(() => {
  packed = pack(output, []);
}, slow);
afterAll(() => folder.remove());

describe('npm run package', () => {
  it('makes one archive a platform, with sums, and says what each needs', () => {
    expect(packed).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(output)).toHaveLength(platforms.length + 1);
    for (const line of readFileSync(join(output, 'SHA256SUMS'), 'utf8').trim().split('\n')) {
      const [sum, name = ''] = line.split('  ');
      expect(digest(join(output, name))).toBe(sum);
    }
    for (const platform of platforms) {
      const [, glibc = ''] =
        new RegExp(`-linux-${platform}\\.tar\\.gz: .* glibc (\\S+) or newer`).exec(packed.stdout) ?? [];
      // What RHEL 8 has; docs/install.md promises it.
      expect(Number(glibc.split('.')[1])).toBeLessThanOrEqual(28);
    }
  });

  it(
    'makes the same bytes again, in another folder, at another time, under another umask',
    () => {
      const checkout = folder.file('a checkout elsewhere');
      for (const part of ['scripts', 'dist', 'bin', 'lab', 'docs', 'node_modules/commander', 'native']) {
        cpSync(join(projectDirectory, part), join(checkout, part), { recursive: true });
      }
      for (const part of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
        cpSync(join(projectDirectory, part), join(checkout, part));
      }
      const before = process.umask(0o077);
      try {
        expect(pack(folder.file('again'), [ownPlatform], checkout)).toMatchObject({ status: 0, stderr: '' });
      } finally {
        process.umask(before);
      }
      expect(digest(archiveOf(folder.file('again'), ownPlatform))).toBe(
        digest(archiveOf(output, ownPlatform)),
      );
    },
    slow,
  );

  it('refuses a platform that there is not', () => {
    expect(pack(folder.file('none'), ['vax'])).toMatchObject({
      status: 2,
      stderr: 'error: no platform "vax"\nhint: one of x64, arm64, ppc64le\n',
    });
  });

  it('holds nothing of this machine: no names of its folders, owners or times', () => {
    for (const platform of platforms) {
      const archive = archiveOf(output, platform);
      const listed = execFileSync('tar', ['-tvzf', archive], { encoding: 'utf8', env: { TZ: 'UTC' } });
      for (const line of listed.trim().split('\n'))
        expect(line).toMatch(/ 0\/0 .* 1980-01-01 00:00 numashard-/);
      const home = unpack(archive, folder.file(`unpacked-${platform}`));
      for (const part of ['libnumashard.so', 'numashard-pages']) {
        expect(readFileSync(join(home, 'native/build', part)).includes(projectDirectory)).toBe(false);
      }
    }
  });
});

const qemus: Readonly<Record<string, string>> = {
  arm64: 'qemu-aarch64',
  ppc64le: 'qemu-ppc64le',
  x64: 'qemu-x86_64',
};

describe.each(platforms.filter((platform) => platform !== ownPlatform))('the archive for %s', (platform) => {
  const target = targets[platform] as (typeof targets)[string];
  const native = () => join(folder.file(`unpacked-${platform}`), archiveFolder(platform), 'native/build');
  const words: Record<string, string> = { arm64: 'AArch64', ppc64le: 'PowerPC64', x64: 'X86-64' };

  it('has native parts for it', () => {
    for (const part of ['libnumashard.so', 'numashard-pages']) {
      const head = readelf('-h', join(native(), part));
      expect(head).toContain(words[platform]);
      expect(head).toContain("2's complement, little endian");
    }
    expect(readelf('-l', join(native(), 'numashard-pages'))).not.toContain('INTERP');
    expect(readelf('-d', join(native(), 'libnumashard.so')).match(/\[lib.*\]/g)).toEqual([
      '[libdl.so.2]',
      '[libpthread.so.0]',
      '[libc.so.6]',
    ]);
  });

  it('has a page helper that runs there, and tells that qemu-user knows no NUMA', () => {
    const helper = join(native(), 'numashard-pages');
    const { status, stderr } = spawnSync(qemus[platform] ?? '', [helper, 'query', `${process.pid}`], {
      input: '4096 4096\n',
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({
      status: 4,
      stderr: `move_pages of process ${process.pid}: Function not implemented\n`,
    });
  });

  // Where pages cannot be placed, llama.cpp must still read what the file holds.
  it.each(['content', 'aligned'])(
    'has a library that a program there can be preloaded with: %s',
    (scenario) => {
      const build = mkdtempSync(join(folder.path, `${platform}-`));
      const host = buildHost(build, compilerFor(target), target.flags);
      const preload = ['-E', `LD_PRELOAD=${join(native(), 'libnumashard.so')}`];
      const report = join(build, 'report.json');
      const { status, stdout, stderr } = spawnSync(
        qemus[platform] ?? '',
        ['-L', `/usr/${target.triplet}`, ...preload, host, scenario, join(build, 'model.gguf')],
        {
          encoding: 'utf8',
          env: {
            GGML_NUMA_SHARD_MAP: '*:rows',
            GGML_NUMA_SHARD_REPORT: report,
            GGML_NUMA_SHARD_LOG: 'quiet',
          },
        },
      );
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'done\n', stderr: '' });
    },
  );

  it('says on this machine that it is for another one', () => {
    const home = join(folder.file(`unpacked-${platform}`), archiveFolder(platform));
    const words = ['run', '--map', '*:rows', '--', 'true'];
    const { status, stderr } = spawnSync(join(home, 'bin/numashard'), words, { encoding: 'utf8' });
    expect(status).toBe(125);
    expect(stderr).toMatch(
      new RegExp(
        `^error: .*libnumashard\\.so is made for ${target.architecture}, .* runs on ${process.arch}$`,
        'm',
      ),
    );
    expect(stderr).toContain(`hint: unpack the archive for ${process.arch}`);
  });
});

describe('the launcher', () => {
  const launcher = () => join(unpackOwn(), 'bin/numashard');
  const launch = (node: string | null, words: readonly string[] = ['--version']) => {
    const bin = mkdtempSync(join(folder.path, 'bin-'));
    linkPrograms(bin, ['dirname', 'readlink']);
    if (node !== null) {
      writeFileSync(join(bin, 'node'), `#!/bin/sh\n${node}\n`);
      chmodSync(join(bin, 'node'), 0o755);
    }
    return spawnSync('/bin/sh', [launcher(), ...words], { encoding: 'utf8', env: { PATH: bin } });
  };

  it('says that there is no Node.js, and where to get it', () => {
    expect(launch(null)).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(
        /^error: no node on PATH, numashard needs Node\.js 20 or newer\nhint: .*nodejs/,
      ),
    });
    // Out of the way of the exit codes of the command to run.
    expect(launch(null, ['run', '--', 'true']).status).toBe(125);
  });

  it.each(['v0.12.18', 'v8.17.0', 'v10.24.0', 'v18.20.4'])('says that %s is too old', (version) => {
    expect(launch(`echo ${version}`)).toMatchObject({
      status: 4,
      stderr: expect.stringMatching(new RegExp(`^error: .*/node is ${version.slice(1)}, numashard needs`)),
    });
  });

  it('passes words as they are, and is found through links', () => {
    const link = folder.file('linked');
    symlinkSync(launcher(), link);
    const { status, stdout } = spawnSync(
      link,
      ['map', 'explain', "name='a  b':0", '--nodes', '2', '--json'],
      {
        encoding: 'utf8',
      },
    );
    expect({ status, map: JSON.parse(stdout).map }).toEqual({ status: 0, map: "name='a  b':node0" });
  });
});

const unshare = findUnshare();
if (unshare === null) console.warn('skipped: no network namespace can be made here (unshare -n needs root)');

describe.skipIf(unshare === null)('unpacked in an empty folder, without network, npm and compiler', () => {
  /** Answers of one session, by name. */
  let session: Record<string, string>;

  beforeAll(async () => {
    const shared = folder.file('session');
    mkdirSync(join(shared, 'bin'), { recursive: true });
    mkdirSync(join(shared, 'out'));
    linkPrograms(join(shared, 'bin'), ['dirname', 'readlink', 'true']);
    symlinkSync(process.execPath, join(shared, 'bin/node'));
    cpSync(archiveOf(output, ownPlatform), join(shared, 'numashard.tar.gz'));
    cpSync(await tinyModelFile(folder), join(shared, 'tiny.gguf'));
    cpSync(machineArchive(folder, 'four-nodes'), join(shared, 'four-nodes.tar.gz'));
    mkdirSync(join(shared, 'host'));
    buildHost(join(shared, 'host'), compilerFor(targets[ownPlatform] as (typeof targets)[string]));
    cpSync(new URL('session.sh', import.meta.url), join(shared, 'session.sh'));
    const [program = '', ...words] = unshare ?? [];
    const { status, stderr } = spawnSync(program, [...words, 'sh', join(shared, 'session.sh'), shared], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] },
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const names = readdirSync(join(shared, 'out'));
    session = Object.fromEntries(
      names.map((name) => [name, readFileSync(join(shared, 'out', name), 'utf8')]),
    );
  }, slow);

  const answer = (name: string): string => {
    expect(session[`${name}.status`], `${session[name]}${session[`${name}.err`]}`).toBe('0\n');
    return session[name] ?? '';
  };

  it('there is no network', () => {
    // Its two lines of titles, and the loopback.
    expect(session['network']?.trim().split('\n')).toHaveLength(3);
    expect(session['compiler']).toBe('none\n');
  });

  it('--version, inspect and plan work', () => {
    expect(answer('version')).toMatch(/^preload +\/tmp\/opt\/numashard-.*\/libnumashard\.so/m);
    expect(JSON.parse(answer('inspect'))).toMatchObject({ schema: 'numashard/inspect/1', blockCount: 2 });
    expect(answer('plan')).toMatch(/^chosen: rows with 8 threads$/m);
    expect(answer('export')).toMatch(/^LD_PRELOAD=\/tmp\/opt\/numashard-.*\/libnumashard\.so$/m);
  });

  it('run preloads, and a program reads what the file holds', () => {
    expect(answer('run-plain')).toBe('');
    expect(answer('content')).toBe('done\n');
    expect(answer('run')).toBe('done\n');
    expect(JSON.parse(session['report.json'] ?? '')).toMatchObject({
      schema: 'numashard/run/1',
      map: '*:rows',
      ended: { exitCode: 0 },
      faults: [],
    });
  });

  it('place and verify ask the kernel', () => {
    expect(JSON.parse(answer('place'))).toMatchObject({ absentBytes: 0, misplacedBytes: 0 });
    expect(JSON.parse(answer('verify'))).toMatchObject({
      method: 'move_pages',
      unknownBytes: 0,
      absentBytes: 0,
    });
  });

  it('removing its folder and its cache removes everything', () => {
    expect(session['during']).not.toBe(session['before']);
    expect(session['after']).toBe(session['before']);
  });
});

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

function archiveFolder(platform: Platform): string {
  return basename(archiveOf(output, platform)).replace(/\.tar\.gz$/, '');
}

function unpackOwn(): string {
  const directory = folder.file('own');
  return existsSync(directory)
    ? join(directory, archiveFolder(ownPlatform))
    : unpack(archiveOf(output, ownPlatform), directory);
}

function readelf(what: string, path: string): string {
  return execFileSync('readelf', ['-W', what, path], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
}

function linkPrograms(directory: string, names: readonly string[]): void {
  for (const name of names) {
    const path = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    // Of a shell builtin the name itself is said.
    symlinkSync(path.startsWith('/') ? path : `/usr/bin/${name}`, join(directory, name));
  }
}

/** As root directly, otherwise where the system lets users make namespaces. */
function findUnshare(): string[] | null {
  const ways = [
    ['unshare', '-n', '-m'],
    ['unshare', '-r', '-n', '-m'],
  ];
  const probe = ['sh', '-c', `mount -t tmpfs tmpfs ${tmpdir()}`];
  return (
    ways.find(([program = '', ...words]) => spawnSync(program, [...words, ...probe]).status === 0) ?? null
  );
}
