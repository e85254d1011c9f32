// SPDX-License-Identifier: MIT
// A missing compiler is said with the package that has it.
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('names the package of a missing compiler', () => {
  const module = new URL('../../scripts/build.mjs', import.meta.url).href;
  const failure = new URL('../../scripts/failure.mjs', import.meta.url).href;
  const script = `import { requireCompiler } from '${module}'; import { report } from '${failure}'; report(requireCompiler);`;
  const words = ['--input-type=module', '-e', script];
  const run = (CC: string) =>
    spawnSync(process.execPath, words, { encoding: 'utf8', env: { ...process.env, CC } });
  const { status, stderr } = run('no-such-cc');
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^error: no C compiler: "no-such-cc".*\nhint: apt-get install gcc libc6-dev .*dnf install/,
  );
  expect(run('cc').status).toBe(0);
});
