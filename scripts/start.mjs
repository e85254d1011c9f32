// SPDX-License-Identifier: MIT
// `npm start`: sets up, builds, and shows the whole of it at work: here where there are several nodes, else emulated.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { report } from './failure.mjs';
import { packagesForOwnNodes, startPackages } from './host-packages.mjs';
import { setUp } from './setup.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

await report(() => {
  const isHere = countNodes() > 1 && !process.argv.includes('--emulated');
  setUp(isHere ? packagesForOwnNodes(process.env['PATH'] ?? '') : startPackages);
  build();
  const words = ['bin/numashard', 'lab', 'demo', ...process.argv.slice(2)];
  const { status, signal } = spawnSync(process.execPath, words, { cwd: root, stdio: 'inherit' });
  process.exitCode = status ?? 128 + (signal ? constants.signals[signal] : 0);
});

function countNodes() {
  try {
    return readdirSync('/sys/devices/system/node').filter((name) => /^node\d+$/.test(name)).length;
  } catch {
    return 0;
  }
}
