// SPDX-License-Identifier: MIT
// Children that a process under the preload starts with fork() and exec(): each speaks for itself and leaves its
// parent's report alone.
import { describe, expect, it } from 'vitest';
import { execOk, preload } from '../main-job/guest.js';
import { modelHost } from './model-host.js';
import type { Ways } from './ways.js';

const reports = '/run/user/0/numashard';

export function children({ machine }: Ways): void {
  describe('children', () => {
    it('of fork and exec leave the parent and its report alone', async () => {
      const steps =
        'libraries /models load a /models/text.gguf context b a threads b 4 4 generate b 1 fork b fork z shell';
      const look = `test -s ${reports}/$HOST.json && ls ${reports}; llama-bench -m /models/small-q8_0.gguf -t 2 -p 0 -n 1 -r 1 >/dev/null`;
      const env = { ...preload, GGML_NUMA_SHARD_MAP: '*:rows', GGML_NUMA_SHARD_THREADS: '0:1,1:1,2:1,3:1' };
      await execOk(machine(), `rm -rf ${reports}`);
      const command = [modelHost, ...steps.split(' '), look, 'generate', 'b', '1', 'shell', look];
      const { stdout, stderr } = await execOk(machine(), command, { env });
      expect(stderr.toString()).not.toContain('numashard: ');
      const [, child, first, after, second] = stdout.toString().split('\n');
      expect(after, 'the parent goes on as its child did').toBe(child);
      expect(first, 'one report, of the parent').toMatch(/^\d+\.json$/);
      expect(second).toBe(first);
      const { stdout: left } = await execOk(machine(), `ls ${reports} 2>/dev/null || true`);
      expect(left.toString(), 'nothing stays').toBe('');
    });
  });
}
