// SPDX-License-Identifier: MIT
// Processes that a process under the preload starts: children of fork() and exec(), and the servers of llama-server's
// router. Each speaks for itself and leaves its parent's report alone.
import { describe, expect, it } from 'vitest';
import { exec, execOk, preload, said } from '../main-job/guest.js';
import { modelHost } from './model-host.js';
import type { Ways } from './ways.js';

const reports = '/run/user/0/numashard';

export function children({ machine, figures }: Ways): void {
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

    it("of llama-server's router are each placed and verified", async () => {
      const names = ['text', 'small-q8_0'];
      const address = 'http://127.0.0.1:8098';
      const post = (model: string): string =>
        `wget -q -O /tmp/routed-${model} --header 'Content-Type: application/json' --post-data '{"model":"${model}","prompt":"the rest is noise","n_predict":2}' ${address}/completion`;
      const result = await exec(
        machine(),
        `mkdir -p /tmp/zoo; for name in ${names.join(' ')}; do ln -sf /models/$name.gguf /tmp/zoo/; done
         numashard run --verify --report /tmp/router.json -- llama-server --models-dir /tmp/zoo -t 4 -c 256 --no-warmup --port 8098 >/tmp/router.log 2>&1 &
         run=$!
         until wget -q -O /tmp/health ${address}/health || ! kill -0 $run; do sleep 0.3; done
         ${names.map(post).join('\n')}
         kill -TERM $run; wait $run; echo "run $?"`,
      );
      const log = (await machine().readFile('/tmp/router.log')).toString();
      expect(result.stdout.toString(), `${said(result)}\n${log.slice(-3000)}`).toBe('run 0\n');
      for (const name of names) {
        const answer = JSON.parse((await machine().readFile(`/tmp/routed-${name}`)).toString());
        expect(answer.content, name).not.toBe('');
      }
      const found = log.split('\n').filter((line) => line.includes('where *:rows puts them'));
      for (const line of found) figures.add(`router: ${line}`, { case: 'router', line });
      expect(found, log.slice(-3000)).toHaveLength(names.length);
      const report = JSON.parse((await machine().readFile('/tmp/router.json')).toString());
      expect(report).toMatchObject({ verified: true, faults: [] });
    });
  });
}
