// SPDX-License-Identifier: MIT
// The gate: a Unix socket at which a process under the preload waits, after its last token and before its
// weights go, until it has been looked at (native/preload/gate.c).
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Gate {
  /** For GGML_NUMA_SHARD_GATE. */
  readonly path: string;
  /** Waits for visitors that are still being looked at, then removes the socket. */
  close(): Promise<void>;
}

/** `visit` is called with the pid of each process that waits; it goes on when the promise settles. */
export async function openGate(visit: (pid: number) => Promise<void>): Promise<Gate> {
  const directory = await mkdtemp(join(tmpdir(), 'numashard-'));
  await chmod(directory, 0o700);
  const path = join(directory, 'gate');
  const visits = new Set<Promise<void>>();
  const receive = (socket: Socket): void => {
    socket.on('error', () => {});
    socket.once('data', (data) => {
      const visited = visit(Number.parseInt(data.toString('latin1'), 10)).finally(() => {
        socket.end('\n');
        visits.delete(visited);
      });
      visits.add(visited);
    });
  };
  const server = createServer(receive);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    path,
    async close() {
      await Promise.allSettled(visits);
      server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
