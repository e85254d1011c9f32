// SPDX-License-Identifier: MIT
// node-llama-cpp's build of llama.cpp, from its npm package: shared libraries with ggml's own threads instead of
// OpenMP's. For tests in the lab; fetched into the lab's cache, no dependency of the project.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from './failure.mjs';

const name = '@node-llama-cpp/linux-x64';
const version = '3.22.1';
const sha512 = '5uCCDNqWCNfaAm8aR/Uzxbo4HBpKgNF91kCHPepKhgMgV2OAmatoefbOlMihsqCiH2Od35E/eUHQCFbfRBJuOg==';

/**
 * Paths of the libraries that a program for an AVX2 processor needs, fetched at first.
 * @param {string} cacheDirectory the lab's
 * @returns {string[]}
 */
export function nodeLlamaLibraries(cacheDirectory) {
  const home = join(cacheDirectory, 'node-llama-cpp', version);
  if (!existsSync(home)) fetchPackage(cacheDirectory, home);
  const folder = join(home, 'package', 'bins', 'linux-x64');
  const wanted = /^lib(ggml-base|ggml-cpu-haswell|ggml|llama)(\.v[\d.]+)?\.so$/;
  return readdirSync(folder)
    .filter((file) => wanted.test(file))
    .map((file) => join(folder, file));
}

/**
 * @param {string} cacheDirectory
 * @param {string} home
 */
function fetchPackage(cacheDirectory, home) {
  mkdirSync(join(home, '..'), { recursive: true });
  const work = mkdtempSync(join(cacheDirectory, 'node-llama-cpp-'));
  try {
    run('npm', ['pack', '--silent', '--pack-destination', work, `${name}@${version}`], work);
    const archive = readdirSync(work).find((file) => file.endsWith('.tgz'));
    if (!archive) throw new Failure(`npm pack ${name}@${version} left no archive`, undefined, 2);
    const digest = createHash('sha512')
      .update(readFileSync(join(work, archive)))
      .digest('base64');
    if (digest !== sha512)
      throw new Failure(`${archive} has the SHA-512 ${digest}, wanted ${sha512}`, undefined, 2);
    mkdirSync(join(work, 'unpacked'));
    run('tar', ['-xzf', archive, '--no-same-owner', '-C', 'unpacked'], work);
    if (!existsSync(home)) renameSync(join(work, 'unpacked'), home);
  } finally {
    rmSync(work, { recursive: true });
  }
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} cwd
 */
function run(program, args, cwd) {
  const { status, error, stderr } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (status === 0) return;
  const why = error ? error.message : `exit code ${status}: ${stderr.trim().slice(-500)}`;
  throw new Failure(`${program} ${args.join(' ')}: ${why}`, undefined, 2);
}
