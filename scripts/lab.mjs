// SPDX-License-Identifier: MIT
// `npm run lab -- [--machine NAME] [--model FILE]... [--out DIR] -- COMMAND...`: the same as `numashard lab run`,
// for a checkout; says so when something has to be built first.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const missing = ['node_modules', 'dist', 'bin/numashard'].filter((part) => !existsSync(`${root}/${part}`));

if (missing.length > 0) {
  process.stderr.write(`error: this checkout has no ${missing.join(', ')}\nhint: npm ci && npm run build\n`);
  process.exitCode = 125;
} else {
  const command = [`${root}/bin/numashard`, 'lab', 'run', ...process.argv.slice(2)];
  const { status, signal, error } = spawnSync(process.execPath, command, { stdio: 'inherit' });
  if (error) throw error;
  process.exitCode = status ?? 128 + (signal ? constants.signals[signal] : 0);
}
