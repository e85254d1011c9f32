// SPDX-License-Identifier: MIT
// The protocol against a guest played by this test: what is said when, and what counts as the end of a command.
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { GuestChannel } from '../../src/lab/guest-channel.js';

describe('GuestChannel', () => {
  it('waits for the status and for the ends of both streams, whichever comes last', async () => {
    for (const last of ['control', 'stdout', 'stderr'] as const) {
      const guest = new FakeGuest();
      const output: string[] = [];
      const end = guest.channel.run(0, {
        onStdout: (data) => output.push(`out ${data}`),
        onStderr: (data) => output.push(`err ${data}`),
      });
      const [, marker = '', user] = guest.heard('control').trim().split(' ');
      expect(user).toBe('root');
      const steps = {
        stdout: () => guest.ports.stdout.push(`hello\0${marker}`),
        stderr: () => guest.ports.stderr.push(`oh\0${marker}`),
        control: () => guest.ports.control.push('done Command exited with non-zero status 4\n'),
      };
      for (const [name, step] of Object.entries(steps)) if (name !== last) step();
      expect(await Promise.race([end, settled()])).toBe('pending');
      steps[last]();
      expect(await end).toEqual({ exitCode: 4, signal: null });
      expect(output.sort()).toEqual(['err oh', 'out hello']);
    }
  });

  it('puts bytes with their length, and says when the guest could not store them', async () => {
    const guest = new FakeGuest();
    const put = guest.channel.put('incoming', Buffer.from('a\nb'));
    expect(guest.heard('control')).toBe('put incoming 3\na\nb');
    guest.ports.control.push('done 1\n');
    await expect(put).rejects.toThrow(/3 bytes: done 1/);
  });

  it('reads a line that comes in pieces', async () => {
    const guest = new FakeGuest();
    const ready = guest.channel.ready();
    guest.ports.control.push('rea');
    guest.ports.control.push('dy\n');
    await expect(ready).resolves.toBeUndefined();
  });

  it('drops what arrives when no command runs', async () => {
    const guest = new FakeGuest();
    guest.ports.stdout.push('stray');
    await settled();
    const output: string[] = [];
    const end = guest.channel.run(1000, { onStdout: (data) => output.push(`${data}`), onStderr: () => {} });
    const [, marker = '', user] = guest.heard('control').trim().split(' ');
    expect(user).toBe('user');
    guest.ports.stdout.push(`own\0${marker}`);
    guest.ports.stderr.push(`\0${marker}`);
    guest.ports.control.push('done \n');
    await end;
    expect(output).toEqual(['own']);
  });

  it('sends signals on a port of their own, meant for one command', async () => {
    const guest = new FakeGuest();
    void guest.channel.run(0, { onStdout: () => {}, onStderr: () => {} });
    guest.channel.signal('KILL');
    expect(guest.heard('signal')).toBe(`KILL ${guest.heard('control').split(' ')[1]}\n`);
  });
});

class FakeGuest {
  readonly ports = { control: port(), stdout: port(), stderr: port(), signal: port() };
  readonly channel = new GuestChannel(this.ports);

  heard(name: 'control' | 'signal'): string {
    return Buffer.concat(this.ports[name].written).toString();
  }
}

function port() {
  const written: Buffer[] = [];
  const duplex = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk);
      done();
    },
  });
  return Object.assign(duplex, { written });
}

function settled(): Promise<'pending'> {
  return new Promise((resolve) => setTimeout(() => resolve('pending'), 20));
}
