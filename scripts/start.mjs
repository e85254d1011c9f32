// SPDX-License-Identifier: MIT
// `npm start`: sets up, builds, and shows the whole of it at work on an emulated machine.
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { report } from './failure.mjs';
import { startPackages } from './host-packages.mjs';
import { setUp } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

await report(() => {
  setUp(startPackages);
  build();
  const words = ['bin/numashard', 'lab', 'demo', ...process.argv.slice(2)];
  const { status, signal } = spawnSync(process.execPath, words, { cwd: root, stdio: 'inherit' });
  process.exitCode = status ?? 128 + (signal ? constants.signals[signal] : 0);
});
