// SPDX-License-Identifier: MIT
// A running emulated machine: runs commands and moves files, exactly and in order.
import { mkdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { NumashardError } from '../errors.js';
import type { GuestChannel } from './guest-channel.js';
import { type CommandEnd, commandScript, type GuestUser } from './guest-command.js';
import type { GuestVersions } from './guest-image.js';
import { runTool } from './host-tools.js';
import type { MachineDescription } from './machine.js';
import { orTimeout } from './or-timeout.js';
import type { Qemu } from './qemu.js';

/** How long a guest may take to end a command that was killed. */
const killTimeoutMilliseconds = 30_000;

export interface ExecOptions {
  /** No limit if absent. A command that is still running is killed, and `lab-failed` thrown. */
  readonly timeoutMilliseconds?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Root (0, the default) or a user without privilege (1000). */
  readonly user?: GuestUser;
  readonly onStdout?: (data: Buffer) => void;
  readonly onStderr?: (data: Buffer) => void;
}

export interface ExecResult extends CommandEnd {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly seconds: number;
}

/** A running machine. Commands run one after the other; later calls wait for earlier ones. */
export class LabMachine {
  readonly description: MachineDescription;
  readonly versions: GuestVersions;
  readonly bootSeconds: number;
  readonly #qemu: Qemu;
  readonly #channel: GuestChannel;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    description: MachineDescription,
    versions: GuestVersions,
    bootSeconds: number,
    qemu: Qemu,
    channel: GuestChannel,
  ) {
    this.description = description;
    this.versions = versions;
    this.bootSeconds = bootSeconds;
    this.#qemu = qemu;
    this.#channel = channel;
  }

  /**
   * Runs an argument vector, or a text in the guest's shell (busybox ash), and returns every byte it wrote. A process
   * it leaves behind keeps running; what that writes later ends up in later commands' output unless redirected.
   */
  exec(command: readonly string[] | string, options: ExecOptions = {}): Promise<ExecResult> {
    const script = commandScript(command, options.env ?? {}, options.user ?? 0);
    const shown = typeof command === 'string' ? command : command.join(' ');
    return this.#inTurn(() => this.#qemu.during(this.#run(script, shown, options), `during "${shown}"`));
  }

  /** Like exec, but a command that does not succeed throws `lab-failed` with what it said. */
  async execOk(command: readonly string[] | string, options: ExecOptions = {}): Promise<ExecResult> {
    const result = await this.exec(command, options);
    if (result.exitCode === 0) return result;
    const shown = typeof command === 'string' ? command : command.join(' ');
    const said = result.stderr.toString().trim().slice(-2000);
    throw labFailed(
      `in ${this.description.name}, "${shown}" ended with ${result.signal ?? result.exitCode}: ${said}`,
    );
  }

  async readFile(guestPath: string): Promise<Buffer> {
    return (await this.execOk(['cat', '--', guestPath])).stdout;
  }

  /** Writes a file of root's; folders above it are made. */
  writeFile(guestPath: string, data: Uint8Array | string): Promise<void> {
    const move = [
      'sh',
      '-c',
      'mkdir -p "$1" && mv /run/lab/incoming "$2"',
      'sh',
      posix.dirname(guestPath),
      guestPath,
    ];
    const script = commandScript(move, {}, 0);
    const work = async () => {
      await this.#channel.put('incoming', typeof data === 'string' ? Buffer.from(data) : data);
      const { exitCode, stderr } = await this.#run(script, '', {});
      if (exitCode !== 0) throw labFailed(`cannot write ${guestPath} in ${this.description.name}: ${stderr}`);
    };
    return this.#inTurn(() => this.#qemu.during(work(), `while ${guestPath} was written`));
  }

  /** Copies what is in a folder of the guest into a folder of the host. */
  async fetchDirectory(guestDirectory: string, hostDirectory: string): Promise<void> {
    const { stdout } = await this.execOk(['tar', '-C', guestDirectory, '-cf', '-', '.']);
    await mkdir(hostDirectory, { recursive: true });
    await runTool('tar', ['-x', '--no-same-owner', '-C', hostDirectory], { input: stdout });
  }

  /** Switches the machine off. Nothing needs saving: its drives are read-only. */
  stop(): Promise<void> {
    return this.#qemu.stop();
  }

  async #run(script: string, shown: string, options: ExecOptions): Promise<ExecResult> {
    await this.#channel.put('command', Buffer.from(script));
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const start = performance.now();
    const end = this.#channel.run(options.user ?? 0, {
      onStdout: (data) => {
        stdout.push(data);
        options.onStdout?.(data);
      },
      onStderr: (data) => {
        stderr.push(data);
        options.onStderr?.(data);
      },
    });
    const collected = () => ({ stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr) });
    const limit = options.timeoutMilliseconds;
    if (limit === undefined)
      return { ...(await end), ...collected(), seconds: (performance.now() - start) / 1000 };
    let isKilled = false;
    const timer = setTimeout(() => {
      isKilled = true;
      this.#channel.signal('KILL');
    }, limit);
    try {
      const hung = () =>
        this.#qemu.failure(`the machine no longer answers; "${shown}" was killed after ${limit} ms`);
      const result = await orTimeout(end, limit + killTimeoutMilliseconds, hung);
      const seconds = (performance.now() - start) / 1000;
      if (!isKilled) return { ...result, ...collected(), seconds };
      const said = collected().stderr.toString().trim().slice(-1000);
      throw labFailed(
        `"${shown}" was still running after ${limit} ms and was killed${said ? `: ${said}` : ''}`,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => {});
    return result;
  }
}

function labFailed(message: string): NumashardError {
  return new NumashardError('lab-failed', message, { exitCode: 4 });
}
