// SPDX-License-Identifier: MIT
// What start and test need before they begin: npm's packages, and the system's. What is there is left as it is.
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from './failure.mjs';
import { missingPackages } from './host-packages.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Throws a Failure that says what to install. Says how long downloads took, which is no fault of ours.
 * @param {Readonly<Record<string, string>>} packages one of host-packages.mjs
 */
export function setUp(packages) {
  if (process.platform !== 'linux') {
    throw new Failure(
      'the lab and the native parts need Linux',
      'bin/numashard inspect, plan and map run here',
      2,
    );
  }
  installNodeModules();
  installSystemPackages(packages);
}

function installNodeModules() {
  const installed = join(root, 'node_modules', '.package-lock.json');
  const locked = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(locked).mtimeMs) return;
  // Spelled out, so that a caller who silences npm still sees why this failed.
  download("npm's packages", 'npm', ['ci', '--loglevel=warn', '--no-audit', '--no-fund']);
}

/** @param {Readonly<Record<string, string>>} packages */
function installSystemPackages(packages) {
  const path = process.env['PATH'] ?? '';
  const missing = missingPackages(packages, path);
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (!existsSync('/usr/bin/apt-get')) {
    throw new Failure(
      `this system lacks what these Debian packages have: ${missing.join(', ')}`,
      'install what your distribution calls them; the lab takes its guest system from Debian with apt-get',
      2,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new Failure(`this system lacks packages: ${missing.join(', ')}`, `run: sudo ${command}`, 2);
  }
  download('package lists', 'apt-get', ['update']);
  download(missing.join(', '), 'apt-get', command.split(' ').slice(1));
  const still = missingPackages(packages, path);
  if (still.length > 0) throw new Failure(`installed, and still missing: ${still.join(', ')}`, undefined, 2);
}

/**
 * Quiet unless it fails.
 * @param {string} what
 * @param {string} program
 * @param {string[]} args
 */
function download(what, program, args) {
  const start = performance.now();
  const { status, error, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    maxBuffer: 1 << 28,
  });
  if (error || status !== 0) {
    process.stderr.write(`${stdout ?? ''}${stderr ?? ''}`);
    throw new Failure(
      `${program} ${args.join(' ')}: ${error ? error.message : `exit code ${status}`}`,
      undefined,
      2,
    );
  }
  process.stdout.write(
    `set-up: ${what}, ${((performance.now() - start) / 1000).toFixed(1)} s of downloads\n`,
  );
}
