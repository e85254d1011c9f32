// SPDX-License-Identifier: MIT
// A bar on standard error for what takes over two seconds, only on a terminal.
import { formatBytes } from '../report/text-table.js';
import type { CommandContext } from './context.js';

const patience = 2000;
const width = 30;

export interface ProgressBar {
  update(done: number, total: number): void;
  end(): void;
}

export function createProgressBar({ isTerminal, stderr }: CommandContext, what: string): ProgressBar {
  const started = performance.now();
  let isShown = false;
  return {
    update(done, total) {
      if (!isTerminal.stderr || performance.now() - started < patience || total <= 0) return;
      isShown = true;
      const part = Math.min(done / total, 1);
      const bar = '█'.repeat(Math.round(part * width)).padEnd(width, '░');
      stderr(`\r${what} ${bar} ${formatBytes(done)} of ${formatBytes(total)} `);
    },
    end() {
      if (isShown) stderr(`\r${' '.repeat(what.length + width + 30)}\r`);
    },
  };
}
