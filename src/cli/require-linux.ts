// SPDX-License-Identifier: MIT
// Which commands need Linux, and what of it: said before anything is begun elsewhere.
import { NumashardError } from '../errors.js';

const names: Readonly<Record<string, string>> = { darwin: 'macOS', win32: 'Windows' };

/** `reason`: what the command does that only Linux can. Throws `linux-only`. */
export function requireLinux(command: string, reason: string): void {
  const { platform } = process;
  if (platform === 'linux') return;
  const message = `${command} needs Linux: ${reason}; this is ${names[platform] ?? platform}`;
  throw new NumashardError('linux-only', message, { exitCode: 4, hint: portableCommands });
}

/** Throws `linux-only` where the machine at hand is asked for and its /sys is not there. */
export function requireOwnTopology(): void {
  const { platform } = process;
  if (platform === 'linux') return;
  const message = `the NUMA nodes of this machine are read from Linux's /sys; this is ${names[platform] ?? platform}`;
  throw new NumashardError('linux-only', message, {
    exitCode: 4,
    hint: 'name a recorded machine: --machine (topology: --root) RECORDING.tar.gz; docs/topology.md says how to record the server',
  });
}

const portableCommands =
  'inspect, plan and map run everywhere; for a server: numashard plan MODEL --machine RECORDING.tar.gz';
