// SPDX-License-Identifier: MIT
// Speaks with lab/guest/agent over QEMU's virtio ports, one request at a time:
//   control, to the guest:   "put NAME LENGTH\n" + bytes → file /run/lab/NAME; "run MARKER USER\n" → runs /run/lab/command
//   control, from the guest: "ready\n" once, "done WORDS\n" after each request
//   stdout, stderr:          the command's bytes, then NUL and MARKER;   signal, to the guest: "NAME MARKER\n" to its process group
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { type CommandEnd, type GuestUser, guestUserName, parseCommandEnd } from './guest-command.js';
import { MarkedStream } from './marked-stream.js';

export interface GuestPorts {
  readonly control: Duplex;
  readonly stdout: Duplex;
  readonly stderr: Duplex;
  readonly signal: Duplex;
}

export interface OutputListeners {
  readonly onStdout: (data: Buffer) => void;
  readonly onStderr: (data: Buffer) => void;
}

export class GuestChannel {
  readonly #ports: GuestPorts;
  #line = '';
  /** Of the command that runs, or ran last. */
  #word = '';
  #onLine: (line: string) => void = () => {};
  #onOutput: () => void = () => {};
  #stdout: MarkedStream | undefined;
  #stderr: MarkedStream | undefined;

  constructor(ports: GuestPorts) {
    this.#ports = ports;
    ports.control.on('data', (chunk: Buffer) => this.#readControl(chunk));
    ports.stdout.on('data', (chunk: Buffer) => this.#readOutput(this.#stdout, chunk));
    ports.stderr.on('data', (chunk: Buffer) => this.#readOutput(this.#stderr, chunk));
    // A broken pipe means QEMU is gone; whoever started it reports that, with the console's last words.
    for (const port of Object.values(ports) as Duplex[]) port.on('error', () => {});
  }

  /** Resolves when the guest's agent is up. */
  async ready(): Promise<void> {
    await this.#nextLine();
  }

  /** Puts bytes into a file of the agent's own folder, /run/lab. */
  async put(name: 'command' | 'incoming', data: Uint8Array): Promise<void> {
    const answer = this.#nextLine();
    this.#ports.control.write(`put ${name} ${data.byteLength}\n`);
    this.#ports.control.write(data);
    const line = await answer;
    if (line !== 'done 0') throw new Error(`guest cannot store ${data.byteLength} bytes: ${line}`);
  }

  /** Runs the script that was put as `command`; resolves when it ended and all it wrote has arrived. */
  async run(user: GuestUser, { onStdout, onStderr }: OutputListeners): Promise<CommandEnd> {
    this.#word = randomBytes(16).toString('hex');
    const marker = Buffer.from(`\0${this.#word}`);
    const stdout = new MarkedStream(marker, onStdout);
    const stderr = new MarkedStream(marker, onStderr);
    [this.#stdout, this.#stderr] = [stdout, stderr];
    const outputEnd = new Promise<void>((resolve) => {
      this.#onOutput = () => {
        if (stdout.isEnded && stderr.isEnded) resolve();
      };
    });
    const answer = this.#nextLine();
    this.#ports.control.write(`run ${this.#word} ${guestUserName(user)}\n`);
    const [line] = await Promise.all([answer, outputEnd]);
    return parseCommandEnd(line);
  }

  /** Sends a signal to the process group of the command that runs; without effect if it has just ended. */
  signal(name: 'KILL' | 'TERM' | 'INT'): void {
    this.#ports.signal.write(`${name} ${this.#word}\n`);
  }

  #nextLine(): Promise<string> {
    return new Promise((resolve) => {
      this.#onLine = resolve;
    });
  }

  #readControl(chunk: Buffer): void {
    const lines = (this.#line + chunk.toString('latin1')).split('\n');
    this.#line = lines.pop() ?? '';
    for (const line of lines) this.#onLine(line);
  }

  /** Without a command, what comes is from a process an earlier one left behind: dropped. */
  #readOutput(stream: MarkedStream | undefined, chunk: Buffer): void {
    stream?.push(chunk);
    this.#onOutput();
  }
}
