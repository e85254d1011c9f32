// SPDX-License-Identifier: MIT
// What a build needs and does: on Linux with a compiler, without one, and on other systems.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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

it.each(['darwin', 'win32'])(
  'on %s compiles TypeScript, and says that native parts are left out',
  (platform) => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const checkout = mkdtempSync(join(tmpdir(), 'numashard-checkout-'));
    try {
      mkdirSync(join(checkout, 'src'));
      for (const part of ['scripts', 'native', 'package.json', 'src/errors.ts']) {
        cpSync(join(root, part), join(checkout, part), {
          recursive: true,
          filter: (path) => !path.startsWith(join(root, 'native/build')),
        });
      }
      for (const part of ['tsconfig.json', 'tsconfig.build.json'])
        cpSync(join(root, part), join(checkout, part));
      symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
      const override = `data:text/javascript,Object.defineProperty(process,'platform',{value:'${platform}'})`;
      const words = ['--import', override, 'scripts/build.mjs'];
      const env = { ...process.env, CC: 'no-such-cc' };
      const { status, stdout, stderr } = spawnSync(process.execPath, words, {
        cwd: checkout,
        encoding: 'utf8',
        env,
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toBe('native parts are for Linux and left out: inspect, plan and map work without\n');
      expect(existsSync(join(checkout, 'dist/errors.js'))).toBe(true);
      expect(existsSync(join(checkout, 'native/build'))).toBe(false);
    } finally {
      rmSync(checkout, { recursive: true });
    }
  },
);
