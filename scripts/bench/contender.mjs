// SPDX-License-Identifier: MIT
// A program that reads a file again and again for a bench: a line with a path in, a line with nanoseconds out.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Failure } from '../failure.mjs';

export class Contender {
  /**
   * @param {string} name
   * @param {readonly string[]} command
   */
  constructor(name, [program = '', ...args]) {
    this.name = name;
    /** @type {number[]} in seconds */
    this.samples = [];
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdin.on('error', () => {});
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  /** @param {string} path */
  async measure(path) {
    this.child.stdin.write(`${path}\n`);
    const { value, done } = await this.lines.next();
    if (done || !/^\d+$/.test(value)) throw new Failure(`${this.name} did not read ${path}`);
    this.samples.push(Number(value) / 1e9);
  }

  stop() {
    this.child.stdin.end();
  }
}
