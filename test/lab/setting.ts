// SPDX-License-Identifier: MIT
// Where the machines of test/lab keep their systems, and find the project and the host's programs.
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { searchToolsIn } from '../../src/lab/host-tools.js';

const { PATH, XDG_CACHE_HOME = join(homedir(), '.cache') } = process.env;
searchToolsIn(PATH);

export const setting = {
  projectDirectory: fileURLToPath(new URL('../..', import.meta.url)),
  cacheDirectory: join(XDG_CACHE_HOME, 'numashard', 'lab'),
};
