// SPDX-License-Identifier: MIT
// The gate: a Unix socket at which a process under the preload waits, after its last token and before its
// weights go, until it has been looked at (native/preload/gate.c).
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NumashardError } from '../errors.js';

export interface Gate {
  /** For GGML_NUMA_SHARD_GATE. */
  readonly path: string;
  /** Waits for visitors that are still being looked at, then removes the socket. */
  close(): Promise<void>;
}

/** Bytes in sun_path of struct sockaddr_un, unix(7), with the NUL at its end. */
const maxPathByteLength = 107;

/** `visit` is called with the pid of each process that waits; the process goes on when the promise settles. */
export async function openGate(visit: (pid: number) => Promise<void>): Promise<Gate> {
  const path = join(await makeDirectory(), 'gate');
  const visits = new Set<Promise<void>>();
  const sockets = new Set<Socket>();
  const receive = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.once('data', (data) => {
      const [, pid] = /^([1-9]\d{0,9})\n$/.exec(data.toString('latin1')) ?? [];
      if (pid === undefined) {
        socket.destroy();
        return;
      }
      const visited = settled(visit(Number(pid))).then(() => {
        socket.end('\n');
        visits.delete(visited);
      });
      visits.add(visited);
    });
  };
  const server = createServer(receive);
  await listen(server, path);
  return {
    path,
    async close() {
      await Promise.all(visits);
      server.close();
      // Who connected and said nothing, or does not hang up, would keep this process alive.
      for (const socket of sockets) socket.destroy();
      await rm(join(path, '..'), { recursive: true, force: true });
    },
  };
}

/** Only the user may enter: mkdtemp(3) makes it so. */
async function makeDirectory(): Promise<string> {
  const prefix = join(tmpdir(), 'numashard-');
  const byteLength = Buffer.byteLength(`${prefix}XXXXXX/gate`);
  if (byteLength > maxPathByteLength) {
    const message = `a socket in ${tmpdir()} has a path of ${byteLength} bytes, the limit is ${maxPathByteLength}`;
    throw new NumashardError('system', message, { hint: 'set TMPDIR to a shorter path', exitCode: 4 });
  }
  return mkdtemp(prefix);
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

async function settled(promise: Promise<void>): Promise<void> {
  await Promise.allSettled([promise]);
}
