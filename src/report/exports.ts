// SPDX-License-Identifier: MIT
// A plan's environment as text: lines for a shell to evaluate, or a file that systemd (EnvironmentFile=) and docker
// (--env-file) read alike. Source of truth: parse_env_file_internal in systemd's env-file.c; ParseKeyValueFile in docker.
import { NumashardError } from '../errors.js';

export type ExportFormat = 'shell' | 'env';

/** Linux's MAX_ARG_STRLEN on pages of 4 KiB (binfmts.h), its final NUL included: execve(2) takes no longer one. */
const maxVariableByteLength = 131_072 - 1;
/** docker reads lines with Go's bufio.Scanner: MaxScanTokenSize. */
const maxLineByteLength = 65_536 - 1;

/** One line a variable, nothing else. Throws `export-impossible` for a value that would not arrive as it is. */
export function renderExports(environment: Readonly<Record<string, string>>, format: ExportFormat): string {
  return Object.entries(environment)
    .map(([name, value]) => {
      const fault = format === 'env' ? envFileFault(name, value) : lengthFault(name, value);
      if (fault !== null) throw impossible(name, value, fault, format);
      return format === 'env' ? `${name}=${value}\n` : `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`;
    })
    .join('');
}

/** systemd takes quotes and backslashes for its own and trims; docker takes all as it stands. */
function envFileFault(name: string, value: string): string | null {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
  if (/[\x00-\x1f\x7f]/.test(value)) return 'has a line break or another control character';
  if (value.includes('\\')) return 'has a backslash, which systemd removes and docker keeps';
  if (/^['"]/.test(value)) return 'starts with a quote, which systemd removes and docker keeps';
  if (value !== value.trim()) return 'starts or ends with a space, which systemd removes and docker keeps';
  const byteLength = Buffer.byteLength(`${name}=${value}`);
  if (byteLength > maxLineByteLength) return `makes a line of ${byteLength} bytes, docker reads up to 65535`;
  return null;
}

function lengthFault(name: string, value: string): string | null {
  const byteLength = Buffer.byteLength(`${name}=${value}`);
  if (byteLength <= maxVariableByteLength) return null;
  return `makes ${byteLength} bytes, Linux starts programs with up to ${maxVariableByteLength} in one variable`;
}

function impossible(name: string, value: string, fault: string, format: ExportFormat): NumashardError {
  const shown = value.length > 60 ? `${value.slice(0, 60)}…` : value;
  const message = `${name}: the value ${JSON.stringify(shown)} ${fault}`;
  const hint =
    name === 'LD_PRELOAD'
      ? 'move numashard to a folder with a plainer name'
      : format === 'env'
        ? 'use --export, or numashard run --plan'
        : 'use numashard run --map with fewer rules';
  return new NumashardError('export-impossible', message, { exitCode: 2, hint });
}
