// SPDX-License-Identifier: MIT
// For `node --import`: makes a process believe it runs on $ELSEWHERE (darwin, win32). No process can be started, and
// neither /sys, /proc nor the native parts can be read; whoever tries is named on standard error.
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

/** @type {Record<string, any>} */
const starters = childProcess;
/** @type {Record<string, any>[]} */
const fileApis = [fs, fs.promises];
Object.defineProperty(process, 'platform', { value: process.env['ELSEWHERE'] });
Object.defineProperty(process, 'getuid', { value: undefined });
process.dlopen = () => refuse('dlopen');
for (const name of ['spawn', 'spawnSync', 'exec', 'execSync', 'execFile', 'execFileSync', 'fork']) {
  starters[name] = () => refuse(name);
}
for (const api of fileApis) {
  for (const [name, original] of Object.entries(api)) {
    if (typeof original !== 'function' || /^[A-Z]/.test(name)) continue;
    api[name] = /** @this {any} @param {unknown} path @param {unknown[]} rest */ function (path, ...rest) {
      const isForbidden = typeof path === 'string' && /^\/(sys|proc)(\/|$)|native\/build/.test(path);
      if (!isForbidden) return original.call(this, path, ...rest);
      // What is not there may be looked for.
      return name === 'existsSync' ? false : refuse(`${name} ${path}`);
    };
  }
}
syncBuiltinESMExports();

/** @param {string} what @returns {never} */
function refuse(what) {
  fs.writeSync(2, `FORBIDDEN: ${what}\n`);
  throw new Error(`${what} does not work on ${process.platform}`);
}
