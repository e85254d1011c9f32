// SPDX-License-Identifier: MIT
// `npm run package [-- --out DIRECTORY] [NAME...]`: one archive per platform in packages/, which runs without npm and without a compiler.
// The same sources, compilers and version of Node.js make the same bytes.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { Failure, report } from './failure.mjs';
import { missingPackages } from './host-packages.mjs';
import { buildNativeParts } from './package/native.mjs';
import { crossPackages, targets } from './package/targets.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
/** 1980, the first year that every archive format knows; SOURCE_DATE_EPOCH of reproducible-builds.org goes before. */
const modified = process.env['SOURCE_DATE_EPOCH'] || '315532800';

await report(() => {
  if (process.platform !== 'linux')
    throw new Failure('archives are for Linux and made on Linux', undefined, 2);
  const { values, positionals } = readArguments();
  const names = positionals.length > 0 ? positionals : Object.keys(targets);
  const unknown = names.find((name) => !Object.hasOwn(targets, name));
  if (unknown !== undefined) {
    throw new Failure(`no platform "${unknown}"`, `one of ${Object.keys(targets).join(', ')}`, 2);
  }
  requireCompilers(names);
  if (!existsSync(join(root, 'dist'))) throw new Failure('dist is missing', 'npm run build', 2);
  const output = resolve(values.out);
  mkdirSync(output, { recursive: true });
  const sums = names.map((name) => makeArchive(name, output));
  writeFileSync(join(output, 'SHA256SUMS'), sums.join(''));
});

function readArguments() {
  try {
    const out = /** @type {const} */ ({ type: 'string', default: join(root, 'packages') });
    return parseArgs({ allowPositionals: true, options: { out } });
  } catch (error) {
    throw new Failure(error instanceof Error ? error.message : String(error), 'options: --out DIRECTORY', 2);
  }
}

/** @param {readonly string[]} names */
function requireCompilers(names) {
  const missing = missingPackages(crossPackages(names), process.env['PATH'] ?? '');
  if (missing.length === 0) return;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  throw new Failure(
    'a compiler for another architecture is missing',
    `${command}; or name platforms: x64`,
    2,
  );
}

/**
 * Returns its line of SHA256SUMS.
 * @param {string} platform
 * @param {string} output a folder
 */
function makeArchive(platform, output) {
  const target = /** @type {import('./package/targets.mjs').Target} */ (targets[platform]);
  const name = `numashard-${manifest.version}-linux-${platform}`;
  const staging = mkdtempSync(join(tmpdir(), 'numashard-package-'));
  try {
    const folder = join(staging, name);
    copyParts(folder);
    writeFileSync(join(folder, 'package.json'), `${JSON.stringify(ownManifest(target), null, 2)}\n`);
    mkdirSync(join(folder, 'native/build'));
    const glibc = buildNativeParts(target, join(folder, 'native/build'), root);
    const bytes = gzipSync(tar(staging, name), { level: 9 });
    writeFileSync(join(output, `${name}.tar.gz`), bytes);
    const size = (bytes.length / 1024).toFixed(0);
    process.stdout.write(`${name}.tar.gz: ${size} KiB; needs Node.js 20, glibc ${glibc} or newer\n`);
    return `${createHash('sha256').update(bytes).digest('hex')}  ${name}.tar.gz\n`;
  } finally {
    rmSync(staging, { recursive: true });
  }
}

/** @param {string} folder */
function copyParts(folder) {
  const dependencies = Object.keys(manifest.dependencies).map((name) => `node_modules/${name}`);
  const parts = [
    'dist',
    'lab',
    'docs',
    'native/include',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    ...dependencies,
  ];
  for (const part of parts) cpSync(join(root, part), join(folder, part), { recursive: true });
  mkdirSync(join(folder, 'bin'));
  cpSync(join(root, 'bin/numashard'), join(folder, 'bin/numashard.mjs'));
  writeFileSync(join(folder, 'bin/numashard'), readFileSync(join(root, 'scripts/package/numashard.sh')), {
    mode: 0o755,
  });
}

/** @param {import('./package/targets.mjs').Target} target */
function ownManifest({ architecture }) {
  const { scripts: _, devDependencies: __, files: ___, ...rest } = manifest;
  return { ...rest, os: ['linux'], cpu: [architecture] };
}

/**
 * @param {string} folder
 * @param {string} name
 */
function tar(folder, name) {
  const mode = ['--mode=u=rwX,go=rX', '--owner=0', '--group=0', '--numeric-owner'];
  const words = ['--format=ustar', '--sort=name', `--mtime=@${modified}`, ...mode, '-C', folder, '-c', name];
  const { status, stdout, stderr, error } = spawnSync('tar', words, { maxBuffer: 1 << 28 });
  if (!error && status === 0) return stdout;
  throw new Failure(`tar failed: ${error?.message ?? stderr}`, 'it must be GNU tar');
}
