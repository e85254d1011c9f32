// SPDX-License-Identifier: MIT
// A private apt root: apt for another Debian than the system's, which installs nothing and needs no privilege.
// Source of truth: apt.conf(5), sources.list(5).
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NumashardError } from '../errors.js';
import { type AptSourcesFile, debianMirror } from './apt-sources.js';
import { debianKeyring, runTool } from './host-tools.js';

/** Runs apt-get in the private root. */
export type Apt = (...args: string[]) => Promise<string>;

/** Makes an apt root in an empty folder and reads the package lists of a suite. */
export async function makeAptRoot(aptRoot: string, architecture: string, suite: string): Promise<Apt> {
  const mirror = debianMirror(await systemSources());
  if (!mirror) {
    throw new NumashardError(
      'lab-failed',
      'no Debian archive in /etc/apt/sources.list or /etc/apt/sources.list.d',
      {
        hint: 'the lab takes its guest system from the Debian mirror that the system itself uses',
        exitCode: 4,
      },
    );
  }
  for (const part of [
    'etc/apt/apt.conf.d',
    'etc/apt/preferences.d',
    'etc/apt/sources.list.d',
    'lists/partial',
  ]) {
    await mkdir(join(aptRoot, part), { recursive: true });
  }
  await mkdir(join(aptRoot, 'cache/archives/partial'), { recursive: true });
  await writeFile(join(aptRoot, 'status'), '');
  await writeFile(
    join(aptRoot, 'etc/apt/sources.list'),
    `deb [signed-by=${debianKeyring}] ${mirror} ${suite} main\n`,
  );
  const configuration = join(aptRoot, 'apt.conf');
  await writeFile(configuration, aptConfiguration(aptRoot, architecture, await systemTransport()));
  const apt: Apt = (...args) =>
    runTool('apt-get', args, { cwd: aptRoot, env: { APT_CONFIG: configuration } });
  await apt('update', '-qq', '-o', 'APT::Update::Error-Mode=any');
  return apt;
}

function aptConfiguration(aptRoot: string, architecture: string, transport: string): string {
  return `${transport}
Dir::Etc "${aptRoot}/etc/apt";
Dir::State "${aptRoot}";
Dir::State::lists "${aptRoot}/lists";
Dir::State::status "${aptRoot}/status";
Dir::Cache "${aptRoot}/cache";
APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Install-Recommends "false";
Acquire::Languages "none";
// A mirror may be a frozen snapshot, and unstable's Release says it is good for a week. Signatures stay verified.
Acquire::Check-Valid-Until "false";
// As root, apt would hand downloads to the user _apt, who cannot enter root's cache directory.
APT::Sandbox::User "root";
`;
}

/** The system's way to the network: proxies, certificates. */
async function systemTransport(): Promise<string> {
  const dump = await runTool('apt-config', ['dump']);
  return dump
    .split('\n')
    .filter((line) => /^Acquire::https?::/i.test(line))
    .join('\n');
}

async function systemSources(): Promise<AptSourcesFile[]> {
  const parts = '/etc/apt/sources.list.d';
  const names = existsSync(parts) ? await readdir(parts) : [];
  const paths = ['/etc/apt/sources.list', ...names.sort().map((name) => join(parts, name))];
  const readable = paths.filter((path) => /\.(list|sources)$/.test(path) && existsSync(path));
  return Promise.all(readable.map(async (path) => ({ path, text: await readFile(path, 'utf8') })));
}
