// SPDX-License-Identifier: MIT
// One QEMU process: started with its sockets, watched, stopped; never outlives the process that started it.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { NumashardError } from '../errors.js';
import { type HostTool, toolPath } from './host-tools.js';
import { firstChannelDescriptor, type QemuChannel, qemuChannels } from './qemu-arguments.js';

/** How much of what the guest's kernel says is kept to explain a failure. */
const consoleByteLimit = 64 * 1024;
const reportedLines = 12;
/** What names the cause, before the traces that follow it. */
const telling = /Kernel panic|Out of memory|Oops|BUG:/;

export class Qemu {
  readonly #process: ChildProcess;
  readonly #said: { console: Buffer; stderr: Buffer } = { console: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  readonly #exit: Promise<string>;
  #isStopped = false;

  constructor(program: HostTool, args: readonly string[]) {
    const qemu = toolPath(program);
    const descriptors = qemuChannels.map(() => 'pipe' as const);
    // The kernel ends QEMU when this process ends, however it does: no signal handlers, nothing left behind.
    this.#process = spawn(toolPath('setpriv'), ['--pdeathsig', 'KILL', '--', qemu, ...args], {
      stdio: ['ignore', 'ignore', 'pipe', ...descriptors],
    });
    this.#exit = new Promise((resolve) => {
      this.#process.on('error', (error) => resolve(error.message));
      this.#process.on('close', (code, signal) => resolve(signal ? `signal ${signal}` : `status ${code}`));
    });
    this.#process.stderr?.on('data', (chunk: Buffer) => this.#keep('stderr', chunk));
    this.channel('console').on('data', (chunk: Buffer) => this.#keep('console', chunk));
    this.channel('console').on('error', () => {});
  }

  /** One of the unix sockets between this process and QEMU. */
  channel(name: QemuChannel): Duplex {
    return this.#process.stdio[firstChannelDescriptor + qemuChannels.indexOf(name)] as Duplex;
  }

  /** Waits for `work`, or fails with `lab-failed` if QEMU ends before. */
  async during<Result>(work: Promise<Result>, what: string): Promise<Result> {
    // Whichever comes second has nobody to hear it.
    work.catch(() => {});
    const end = this.#exit.then((how): never => {
      throw this.failure(
        this.#isStopped ? `the machine was stopped ${what}` : `the machine died ${what} (${how})`,
      );
    });
    end.catch(() => {});
    return Promise.race([work, end]);
  }

  /** A `lab-failed` that shows the machine's last words. */
  failure(message: string): NumashardError {
    const qemu = lastLines(this.#said.stderr);
    const console = lastLines(this.#said.console);
    const details = [...(qemu ? [`QEMU: ${qemu}`] : []), ...(console ? [`console:\n${console}`] : [])];
    return new NumashardError('lab-failed', [message, ...details].join('\n'), { exitCode: 4 });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#process.kill('SIGKILL');
    await this.#exit;
  }

  #keep(from: 'console' | 'stderr', chunk: Buffer): void {
    this.#said[from] = Buffer.concat([this.#said[from], chunk]).subarray(-consoleByteLimit);
  }
}

/** Readable lines: a console also carries terminal commands and carriage returns. */
function lastLines(bytes: Buffer): string {
  const text = bytes
    .toString()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are control characters
    .replace(/\x1b(?:\[[0-9;?]*[A-Za-z]|c)|\r/g, '')
    .trim();
  const lines = text.split('\n');
  const end = Math.max(0, lines.length - reportedLines);
  return [...lines.slice(0, end).filter((line) => telling.test(line)), ...lines.slice(end)].join('\n');
}
