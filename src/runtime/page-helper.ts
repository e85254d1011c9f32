// SPDX-License-Identifier: MIT
// Talks to native/build/numashard-pages, which asks the kernel where pages are and puts cached pages on nodes.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { type ErrorCode, NumashardError } from '../errors.js';
import { PageRuns } from './page-runs.js';

/** A stretch of memory (address) or of a file (offset), in bytes. */
export interface Stretch {
  readonly start: number;
  readonly byteLength: number;
}

export interface PlacedPages {
  /** Pages read from disk, moved, dropped to be read again, and still elsewhere at the end. */
  readonly readPages: number;
  readonly movedPages: number;
  readonly droppedPages: number;
  readonly misplacedPages: number;
}

export interface PageHelper {
  /** Where the pages of a process are, one result per stretch. Throws `process-gone`, `placement-refused`. */
  query(pid: number, stretches: readonly Stretch[]): Promise<PageRuns[]>;
  /** Where a file's cached pages are. */
  queryFile(path: string, stretches: readonly Stretch[]): Promise<PageRuns[]>;
  /** Puts page-aligned stretches of a file's cache on nodes; calls back with the bytes done so far. */
  placeFile(
    path: string,
    stretches: readonly (Stretch & { readonly node: number })[],
    onProgress?: (byteLength: number) => void,
  ): Promise<PlacedPages>;
}

export function createPageHelper(program: string, pageSize: number): PageHelper {
  const ask = async (args: string[], stretches: readonly Stretch[]): Promise<PageRuns[]> => {
    // Of nothing there is nothing to ask: the helper takes it as a failure.
    const asked = stretches.filter(({ byteLength }) => byteLength > 0);
    const lines: string[] = [];
    const input = asked.map(({ start, byteLength }) => `${start} ${byteLength}`);
    if (asked.length > 0) await runHelper(program, args, input, (line) => lines.push(line));
    if (lines.length !== asked.length) {
      throw unanswered(`the page helper answered ${lines.length} of ${asked.length} questions`);
    }
    const answers = lines.values();
    return stretches.map(({ start, byteLength }) => {
      const runs = byteLength > 0 ? parseRuns(answers.next().value ?? '') : [];
      return new PageRuns(start, pageSize, runs);
    });
  };
  return {
    query: (pid, stretches) => ask(['query', `${pid}`], stretches),
    queryFile: (path, stretches) => ask(['file-query', path], stretches),
    async placeFile(path, stretches, onProgress) {
      let last = '';
      let done = 0;
      const input = stretches.map(({ start, byteLength, node }) => `${start} ${byteLength} ${node}`);
      await runHelper(program, ['file-place', path], input, (line) => {
        last = line;
        if (!/^\d+$/.test(line)) return;
        done += Number(line) * pageSize;
        onProgress?.(done);
      });
      return parsePlaced(last);
    },
  };
}

/** "node count,node count…" */
function parseRuns(line: string): { node: number; pageCount: number }[] {
  if (line === '') return [];
  return line.split(',').map((run) => {
    const [node = 0, pageCount = 0] = run.split(' ').map(Number);
    return { node, pageCount };
  });
}

function parsePlaced(line: string): PlacedPages {
  const found = /^read (\d+) moved (\d+) dropped (\d+) misplaced (\d+)$/.exec(line);
  if (!found) throw unanswered(`the page helper ended with "${line}"`);
  const [readPages = 0, movedPages = 0, droppedPages = 0, misplacedPages = 0] = found.slice(1).map(Number);
  return { readPages, movedPages, droppedPages, misplacedPages };
}

async function runHelper(
  program: string,
  args: readonly string[],
  input: readonly string[],
  onLine: (line: string) => void,
): Promise<void> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (cause) => reject(notStarted(program, cause)));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  // A helper that stops early closes its input; its exit code says why.
  child.stdin.on('error', () => {});
  child.stdin.end(`${input.join('\n')}\n`);
  createInterface({ input: child.stdout }).on('line', onLine);
  const { code, signal } = await closed;
  if (signal !== null) throw killed(signal, errors.trim());
  if (code !== 0) throw failure(code, args, errors.trim());
}

/** The helper's exit codes: 3 the input is unusable, 4 the kernel refused. */
function failure(code: number | null, [command]: readonly string[], errors: string): NumashardError {
  if (code !== 3 && code !== 4) return unanswered(errors || `the page helper ended with code ${code}`);
  const [kind, hint] = failures[command === 'query' ? 'process' : 'file'][code];
  return new NumashardError(kind, errors, { exitCode: code, hint });
}

/** SIGSYS is how a seccomp profile kills; anything else came from outside, or is out of memory. */
function killed(signal: NodeJS.Signals, errors: string): NumashardError {
  const message = `the page helper was killed by ${signal}${errors ? `: ${errors}` : ''}`;
  return signal === 'SIGSYS'
    ? new NumashardError('placement-refused', message, { exitCode: 4, hint: failures.file[4][1] })
    : new NumashardError('system', message, {
        exitCode: 4,
        hint: 'see dmesg for the reason: a memory limit, or somebody else; then try again',
      });
}

const failures: Record<'process' | 'file', Record<3 | 4, readonly [ErrorCode, hint: string]>> = {
  process: {
    3: ['process-gone', 'check the process id; a process that has ended has no pages'],
    4: [
      'placement-refused',
      'asking about another process needs the same user, or root; containers may refuse move_pages',
    ],
  },
  file: {
    3: ['file-unreadable', 'name the model file itself, and one that you may read'],
    4: ['placement-refused', 'containers may refuse move_pages: their seccomp profile decides'],
  },
};

function notStarted(program: string, cause: NodeJS.ErrnoException): NumashardError {
  return unanswered(`the page helper ${program} cannot be started (${cause.code ?? cause.message})`, cause);
}

function unanswered(message: string, cause?: unknown): NumashardError {
  return new NumashardError('native-missing', message, {
    hint: 'npm run build compiles it with the machine’s cc',
    exitCode: 4,
    cause,
  });
}
