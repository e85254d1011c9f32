// SPDX-License-Identifier: MIT
// What the lab is at, on one line of the terminal that the next output replaces; silent where there is no terminal.
import type { LabProgress, OnLabProgress } from '../lab/progress.js';
import { formatBytes } from '../report/text-table.js';
import type { CommandContext } from './context.js';

export interface ProgressLine {
  readonly show: OnLabProgress;
  clear(): void;
}

const eraseLine = '\r\u001b[K';

export function labProgress({ stderr, isTerminal }: CommandContext): ProgressLine {
  let isShown = false;
  const clear = () => {
    if (isShown) stderr(eraseLine);
    isShown = false;
  };
  return {
    show: (progress) => {
      if (progress.step === 'warning') {
        clear();
        stderr(`warning: ${progress.message}\nhint: ${progress.hint}\n`);
      } else if (isTerminal.stderr) {
        stderr(`${eraseLine}${inWords(progress)}`);
        isShown = true;
      }
    },
    clear,
  };
}

function inWords(progress: Exclude<LabProgress, { step: 'warning' }>): string {
  switch (progress.step) {
    case 'download':
      return `downloading the guest system: ${formatBytes(progress.done)} of ${formatBytes(progress.total)}`;
    case 'build':
      return `building: ${progress.what}`;
    case 'boot':
      return `booting ${progress.machine}`;
    default:
      return progress satisfies never;
  }
}
