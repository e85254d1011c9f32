// SPDX-License-Identifier: MIT
// `npm run build`: TypeScript to dist/, and on Linux the native parts to native/build/. Only what changed is compiled.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Failure, report } from './failure.mjs';
import { missingPackages } from './host-packages.mjs';
import { crossPackages, targets } from './package/targets.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const compiler = process.env['CC'] || 'cc';
const flags = ['-std=c11', '-D_GNU_SOURCE', '-O2', '-g', '-Wall', '-Wextra', '-Werror'];

/** @typedef {{ name: string, directories: string[], options: string[], libraries: string[] }} NativePart */

/** @type {NativePart[]} */
export const nativeParts = [
  {
    name: 'libnumashard.so',
    directories: ['native/preload', 'native/cache'],
    options: [
      ...['-fPIC', '-shared', '-fvisibility=hidden', '-pthread', '-Wl,-z,now'],
      '-Wl,--version-script=native/preload/exports.map',
    ],
    libraries: ['-ldl'],
  },
  { name: 'numashard-pages', directories: ['native/pages', 'native/cache'], options: [], libraries: [] },
];

/** @typedef {{ folder: string, program: string, flags: readonly string[] }} Kind of processor */

/** @type {Kind} */
const host = { folder: 'native/build', program: compiler, flags: [] };
const { triplet, flags: powerFlags } = /** @type {import('./package/targets.mjs').Target} */ (
  targets['ppc64le']
);
/** @type {Kind} */
const power = { folder: 'native/build-ppc64le', program: `${triplet}-gcc`, flags: powerFlags };

/** Compiles what is out of date. Throws a Failure. */
export function build() {
  buildTypeScript();
  if (process.platform !== 'linux') {
    process.stdout.write('native parts are for Linux and left out: inspect, plan and map work without\n');
    return;
  }
  for (const part of nativeParts) buildNative(part, host);
  // For emulated machines; where its compiler is missing, `lab run` says so when such a machine is asked for.
  const { PATH = '' } = process.env;
  const hasCrossCompiler = missingPackages(crossPackages(['ppc64le']), PATH).length === 0;
  if (process.arch !== 'ppc64' && hasCrossCompiler) for (const part of nativeParts) buildNative(part, power);
}

/** Throws a Failure where there is no working C compiler. */
export function requireCompiler() {
  const { error, status } = spawnSync(compiler, ['--version'], { stdio: 'ignore' });
  if (!error && status === 0) return;
  throw new Failure(`no C compiler: "${compiler}" cannot be run`, compilerHint);
}

const compilerHint =
  'apt-get install gcc libc6-dev (Debian, Ubuntu), dnf install gcc glibc-devel (Fedora), or set CC';

function buildTypeScript() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(tsc)) throw new Failure('TypeScript is not installed in node_modules', 'run npm ci');
  // Through Node.js: what npm puts into .bin cannot be started like this on Windows.
  run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], 'the TypeScript compiler');
  removeOrphans(join(root, 'dist'), join(root, 'src'));
}

/**
 * Output of sources that are gone would still be imported and shipped.
 * @param {string} output
 * @param {string} source
 */
function removeOrphans(output, source) {
  for (const entry of readdirSync(output, { withFileTypes: true })) {
    const path = join(output, entry.name);
    if (entry.isDirectory()) {
      if (existsSync(join(source, entry.name))) removeOrphans(path, join(source, entry.name));
      else rmSync(path, { recursive: true });
    } else if (!existsSync(join(source, entry.name.replace(/(\.d\.ts|\.js)$/, '.ts')))) {
      rmSync(path);
    }
  }
}

/**
 * @param {NativePart} part
 * @param {Kind} kind
 */
function buildNative({ name, directories, options, libraries }, { folder, program, flags }) {
  const output = join(folder, name);
  if (isCurrent(output, directories)) return;
  if (program === compiler) requireCompiler();
  mkdirSync(join(root, folder), { recursive: true });
  // A process may have the old file mapped: it is replaced, not written over.
  const temporary = `${output}.${process.pid}`;
  compile(program, { directories, options: [...options, ...flags], libraries, output: temporary });
  renameSync(join(root, temporary), join(root, output));
}

/**
 * All C files of folders into one file. Throws a Failure.
 * @param {string} program
 * @param {Omit<NativePart, 'name'> & { readonly output: string }} part paths are absolute or the checkout's
 */
export function compile(program, { directories, options, libraries, output }) {
  const sources = directories.flatMap(filesIn).filter((file) => file.endsWith('.c'));
  const words = [...flags, ...options, '-o', output, ...sources, ...libraries];
  run(program, words, `compiling ${directories[0]}`);
}

/**
 * @param {string} output
 * @param {string[]} directories
 */
function isCurrent(output, directories) {
  if (!existsSync(join(root, output))) return false;
  const inputs = [...directories, 'native/include'].flatMap(filesIn);
  const built = modified(output);
  return [...inputs, 'scripts/build.mjs', 'scripts/package/targets.mjs'].every(
    (file) => modified(file) < built,
  );
}

/** @param {string} directory */
function filesIn(directory) {
  return readdirSync(join(root, directory))
    .sort()
    .map((name) => join(directory, name));
}

/** @param {string} file */
function modified(file) {
  return statSync(join(root, file)).mtimeMs;
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {string} what
 */
function run(program, args, what) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (error) throw new Failure(`${what}: ${error.message}`);
  if (status !== 0) throw new Failure(`${what} failed with exit code ${status} (${basename(program)})`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) report(build);
