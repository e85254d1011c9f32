// SPDX-License-Identifier: MIT
// Figures that the tests measured: a line each as they come, and all of a file's in test-results/ for the README.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setting } from '../setting.js';

export class Figures {
  readonly #name: string;
  readonly #rows: Record<string, unknown>[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  add(line: string, figures: Readonly<Record<string, unknown>>): void {
    process.stdout.write(`  ${line}\n`);
    this.#rows.push({ ...figures });
  }

  save(): void {
    const directory = join(setting.projectDirectory, 'test-results');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `${this.#name}.json`), `${JSON.stringify(this.#rows, null, 1)}\n`);
  }
}

export function percent(share: number): string {
  return `${(Math.floor(share * 10_000) / 100).toFixed(2)} %`;
}
