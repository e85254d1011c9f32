// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest';
import { limitTopology, wrapperLimits } from '../../src/runtime/wrapper-limits.js';
import { readWrappers } from '../../src/runtime/wrappers.js';
import { machine } from '../plan/machines.js';

function programOf(command: string): string | undefined {
  const words = command.split(' ');
  return words[readWrappers(words).start];
}

describe('the program behind', () => {
  it.each([
    'PROGRAM -m x',
    'taskset -c 0-3 PROGRAM -c 5',
    'taskset ff PROGRAM',
    'taskset --all-tasks --cpu-list 0,1 PROGRAM',
    'nice PROGRAM',
    'nice -n 5 PROGRAM',
    'nice -5 PROGRAM',
    'nice --adjustment=5 -- PROGRAM',
    'ionice -c 2 -n7 PROGRAM',
    'numactl -N 0 -m0 PROGRAM -N 1',
    'numactl --cpunodebind=0 --membind 0 PROGRAM',
    'numactl -l PROGRAM',
    'env PROGRAM',
    'env -i A=b C= PROGRAM A=b',
    'env -u A -C /tmp -- B=c PROGRAM',
    'timeout -s INT 10 PROGRAM',
    'timeout --kill-after=5 1.5h PROGRAM 7',
    'chrt -f 10 PROGRAM',
    'stdbuf -oL -e 0 PROGRAM',
    'nohup setsid -w PROGRAM',
    'time -f %e PROGRAM',
    'perf stat -e cycles,instructions -r 3 PROGRAM',
    'perf record -g -o out -- PROGRAM',
    'strace -f -o out -e trace=mbind PROGRAM',
    'systemd-run --scope -p MemoryMax=1G --unit a PROGRAM',
    'prlimit --memlock=unlimited PROGRAM',
    '/usr/bin/numactl -C 0-7 /usr/bin/nice -n 1 env A=b PROGRAM',
  ])('%s', (command) => {
    expect(programOf(command)).toBe('PROGRAM');
  });

  it.each(['nice', 'env A=b', 'taskset', 'numactl --hardware', 'timeout 5', 'env -u'])(
    '%s is none, and reading stops at the end',
    (command) => {
      expect(programOf(command)).toBeUndefined();
    },
  );
});

describe('what is left of the machine', () => {
  const four = machine([{}, {}, {}, {}]);
  const left = (command: string) =>
    limitTopology(four, wrapperLimits(readWrappers(command.split(' ')).wrappers)).limits;
  const cpus = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

  it.each([
    ['llama-server', cpus(0, 31), [0, 1, 2, 3]],
    ['taskset -c 0-7 llama-server', cpus(0, 7), [0, 1, 2, 3]],
    ['taskset -c 0-7:4,31 llama-server', [0, 4, 31], [0, 1, 2, 3]],
    ['taskset 0xff00 llama-server', cpus(8, 15), [0, 1, 2, 3]],
    ['taskset ff,00000000 llama-server', [], [0, 1, 2, 3]],
    ['numactl -N 1,3 llama-server', [...cpus(8, 15), ...cpus(24, 31)], [0, 1, 2, 3]],
    ['numactl -C 4-11 llama-server', cpus(4, 11), [0, 1, 2, 3]],
    ['numactl --membind=2-3 llama-server', cpus(0, 31), [2, 3]],
    ['numactl --membind=all -C all llama-server', cpus(0, 31), [0, 1, 2, 3]],
    ['numactl -m 0 -N 0 taskset -c 2-20 llama-server', cpus(2, 7), [0]],
  ])('by %s', (command, cpuIds, nodes) => {
    expect(left(command)).toEqual({ cpus: cpuIds, nodes });
  });

  it.each([
    ['taskset -c x llama-server', 'taskset -c x (word 2 of the command)'],
    ['taskset zz llama-server', 'taskset zz (word 1 of the command)'],
    ['numactl -N +0 llama-server', 'numactl -N +0 (word 1 of the command)'],
    ['numactl --membind=!0 llama-server', 'numactl --membind=!0 (word 1 of the command)'],
    ['numactl -m netdev:eth0 llama-server', 'numactl -m netdev:eth0'],
    ['taskset -c 0-99999999 llama-server', 'taskset -c 0-99999999'],
  ])('%s is not guessed', (command, message) => {
    expect(() => left(command)).toThrow(
      expect.objectContaining({ code: 'usage', exitCode: 2, message: expect.stringContaining(message) }),
    );
  });
});
