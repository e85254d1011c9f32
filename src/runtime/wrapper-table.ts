// SPDX-License-Identifier: MIT
// Programs that start the one named after their own options, and how those options are read: getopt(3) with a leading
// '+'. Source of truth: the manual page of each (util-linux, coreutils, numactl, systemd, perf, strace).

export interface WrapperForm {
  /** Letters of short options with a value. */
  readonly letters: string;
  /** Long options with a value, which may also be the next word. */
  readonly longs: readonly string[];
  /** Words between the options and the program. */
  readonly operands: number;
}

export const wrapperForms: ReadonlyMap<string, WrapperForm> = new Map([
  form('chrt', 'TPD', 'sched-runtime sched-period sched-deadline', 1),
  form('env', 'uCS', 'unset chdir split-string'),
  form('ionice', 'cnpPu', 'class classdata pid pgid uid'),
  form('nice', 'n', 'adjustment'),
  form('nohup'),
  form(
    'numactl',
    'iwpPNCmcSfoLMDITV',
    'interleave weighted-interleave preferred preferred-many cpunodebind physcpubind membind cpubind shm file ' +
      'offset length mode dump-nodes shmid touch verify shmmode',
  ),
  form('perf', 'eoFCptrIDcmGx', 'event output freq cpu pid tid repeat interval-print delay', 1),
  form('prlimit', 'op', 'output pid'),
  form('runuser', 'ugGw', 'user group supp-group whitelist-environment'),
  form(
    'setpriv',
    '',
    'reuid regid ruid euid rgid egid groups inh-caps ambient-caps bounding-set securebits pdeathsig',
  ),
  form('setsid'),
  form('stdbuf', 'ioe', 'input output error'),
  form('strace', 'aebEIoOpPsSuUX', 'output user columns trace'),
  form(
    'systemd-run',
    'uptEMH',
    'unit property setenv slice description uid gid nice working-directory host machine service-type',
  ),
  form('taskset', '', '', 1),
  form('time', 'fo', 'format output'),
  form('timeout', 'ks', 'kill-after signal', 1),
]);

/** Programs that run a text, or a file, of commands. */
export const shells: ReadonlySet<string> = new Set(['ash', 'bash', 'busybox', 'dash', 'ksh', 'sh', 'zsh']);

/** What starts the program without the environment that we give; and what to do instead. */
export const strippers: ReadonlyMap<string, string> = new Map([
  ...['sudo', 'doas', 'pkexec'].map((name) => [name, `put it in front: ${name} numashard run -- …`] as const),
  [
    'systemd-run',
    'add --scope, which keeps the environment; or put numashard run behind it, before the program',
  ],
  ...['docker', 'podman', 'nerdctl', 'ssh', 'machinectl', 'at', 'batch'].map(
    (name) =>
      [
        name,
        'run numashard where the program runs: numashard plan --export prints what to set there',
      ] as const,
  ),
]);

function form(name: string, letters = '', longs = '', operands = 0): [string, WrapperForm] {
  return [name, { letters, longs: longs.split(' ').filter(Boolean), operands }];
}
