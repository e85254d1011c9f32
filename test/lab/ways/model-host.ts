// SPDX-License-Identifier: MIT
// Compiles test/lab/ways/model-host.c and puts it into a machine.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { LabMachine } from '../../../src/lab/lab-machine.js';

/** Where it then is. */
export const modelHost = '/tmp/model-host';

export async function installModelHost(machine: LabMachine): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'numashard-model-host-'));
  try {
    const program = join(folder, 'model-host');
    const source = fileURLToPath(new URL('model-host.c', import.meta.url));
    const flags = '-std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror'.split(' ');
    execFileSync('cc', [...flags, '-o', program, source, '-ldl'], { stdio: ['ignore', 'ignore', 'inherit'] });
    await machine.writeFile(modelHost, readFileSync(program));
  } finally {
    rmSync(folder, { recursive: true });
  }
  await machine.execOk(['chmod', '755', modelHost]);
}
