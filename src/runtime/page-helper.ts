// SPDX-License-Identifier: MIT
// Talks to native/build/numashard-pages, which asks the kernel where pages are and puts cached pages on nodes.
import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
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
    const lines: string[] = [];
    const input = stretches.map(({ start, byteLength }) => `${start} ${byteLength}`);
    await runHelper(program, args, input, (line) => lines.push(line));
    return stretches.map(({ start }, index) => new PageRuns(start, pageSize, parseRuns(lines[index] ?? '')));
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
  if (!found) throw new NumashardError('native-missing', `the page helper ended with "${line}"`);
  const [readPages = 0, movedPages = 0, droppedPages = 0, misplacedPages = 0] = found.slice(1).map(Number);
  return { readPages, movedPages, droppedPages, misplacedPages };
}

/** The helper's exit codes: 3 the input is unusable, 4 the kernel refused. */
function failure(code: number | null, args: readonly string[], errors: string): NumashardError {
  const isProcess = args[0] === 'query';
  const kind: ErrorCode = code === 4 ? 'placement-refused' : isProcess ? 'process-gone' : 'file-unreadable';
  const hint =
    code === 4 && isProcess
      ? 'asking about another process needs the same user, or root; containers may refuse move_pages'
      : undefined;
  return new NumashardError(kind, errors.trim() || `the page helper ended with code ${code}`, {
    exitCode: code === 4 ? 4 : 3,
    ...(hint ? { hint } : {}),
  });
}

async function runHelper(
  program: string,
  args: readonly string[],
  input: readonly string[],
  onLine: (line: string) => void,
): Promise<void> {
  await access(program).catch((cause: unknown) => {
    throw new NumashardError('native-missing', `the page helper ${program} is not there`, {
      hint: 'npm run build compiles it with the machine’s cc',
      exitCode: 4,
      cause,
    });
  });
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  // A helper that stops early closes its input; its exit code says why.
  child.stdin.on('error', () => {});
  child.stdin.end(`${input.join('\n')}\n`);
  const closed = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  for await (const line of createInterface({ input: child.stdout })) onLine(line);
  const code = await closed;
  if (code !== 0) throw failure(code, args, errors);
}
