// SPDX-License-Identifier: MIT
// Holds a parsed report against what native/preload/report.c writes: the first thing that is not as it should be.
import { NumashardError } from '../errors.js';
import { parseShardMap } from '../shardmap/parse.js';

/** PID_MAX_LIMIT of 64-bit kernels, include/linux/threads.h. */
const maxPid = 2 ** 22;
/** 128 times GGML_MAX_N_THREADS of ggml.h: few enough to go through once a tensor. */
const maxWorkers = 65_536;

/** null: nothing. Else where and what, for a message: `tensors[3].byteLength is "12", wanted …`. */
export function findReportProblem(report: unknown): string | null {
  return checkReport(report, '');
}

type Check = (value: unknown, where: string) => string | null;

const whole =
  (least = 0, most = Number.MAX_SAFE_INTEGER): Check =>
  (value, where) => {
    const isRight = Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
    return isRight ? null : wrong(value, where, `a whole number from ${least} to ${most}`);
  };

const text: Check = (value, where) => (typeof value === 'string' ? null : wrong(value, where, 'a text'));

const oneOf =
  (...values: unknown[]): Check =>
  (value, where) =>
    values.includes(value)
      ? null
      : wrong(value, where, values.map((one) => JSON.stringify(one)).join(' or '));

const nullOr =
  (check: Check): Check =>
  (value, where) =>
    value === null ? null : check(value, where);

const list =
  (check: Check, length?: number): Check =>
  (value, where) => {
    if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
      return wrong(value, where, length === undefined ? 'a list' : `a list of ${length}`);
    }
    return firstProblem(value.map((item, index) => () => check(item, `${where}[${index}]`)));
  };

const object =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value, where) => {
    if (!isObject(value)) return wrong(value, where, 'an object');
    const prefix = where === '' ? '' : `${where}.`;
    return firstProblem(
      Object.entries(checks).map(
        ([key, check]) =>
          () =>
            check(value[key], `${prefix}${key}`),
      ),
    );
  };

const bytesByNode: Check = (value, where) => {
  if (!isObject(value)) return wrong(value, where, 'an object');
  return firstProblem(
    Object.entries(value).map(
      ([node, bytes]) =>
        () =>
          whole()(bytes, `${where}.${node}`),
    ),
  );
};

const buffer = object({
  model: nullOr(whole()),
  name: text,
  buffer: text,
  cut: oneOf('rows', 'rows-repacked', 'rows-repacked-experts', 'matrices', 'none'),
  group: whole(1, 4096),
  inHostMemory: oneOf(true, false),
  address: nullOr(whole()),
  byteLength: whole(),
  residency: oneOf('page-cache', 'private'),
  fileOffset: nullOr(whole()),
  nodes: bytesByNode,
});

/** What lies in host memory has an address. */
const placed: Check = (value, where) => {
  const { inHostMemory, address } = value as { inHostMemory?: unknown; address?: unknown };
  return inHostMemory === true && address === null ? wrong(address, `${where}.address`, 'an address') : null;
};

const tensor = object({ model: whole(), shape: list(whole(1), 4) });

const threads: Check = (value, where) =>
  typeof value === 'string'
    ? oneOf('assumed', 'not reached')(value, where)
    : object({ asked: nullOr(whole()), seen: list(whole(1, maxWorkers)) })(value, where);

const map: Check = (value, where) => {
  try {
    parseShardMap(String(value));
    return null;
  } catch (thrown) {
    return `${where}: ${thrown instanceof NumashardError ? thrown.message : String(thrown)}`;
  }
};

const checkReport = object({
  schema: oneOf('numashard/report/1'),
  pid: whole(1, maxPid),
  startTicks: whole(),
  map: every(text, map),
  ggmlVersion: nullOr(text),
  models: list(object({ id: whole(), files: list(text) })),
  residency: text,
  residencyReason: (value, where) => (value === undefined ? null : nullOr(text)(value, where)),
  shares: list(object({ node: whole(), weight: whole() })),
  placedWorkers: whole(0, maxWorkers),
  workers: list(
    object({
      index: whole(0, maxWorkers),
      threads: whole(1, maxWorkers),
      tid: whole(1, maxPid),
      node: nullOr(whole()),
      cpus: list(whole()),
    }),
  ),
  threads,
  tensors: list(every(buffer, placed, tensor)),
  other: list(buffer),
  placedBytes: whole(),
  misplacedBytes: whole(),
  absentBytes: whole(),
  unknownBytes: whole(),
  movedPages: whole(),
  seconds: (value, where) =>
    typeof value === 'number' && value >= 0 ? null : wrong(value, where, 'seconds'),
  graphs: whole(),
  warnings: list(object({ code: text, message: text })),
});

function every(...checks: Check[]): Check {
  return (value, where) => firstProblem(checks.map((check) => () => check(value, where)));
}

function firstProblem(checks: readonly (() => string | null)[]): string | null {
  for (const check of checks) {
    const problem = check();
    if (problem !== null) return problem;
  }
  return null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Values are shown as far as a line goes. */
function wrong(value: unknown, where: string, wanted: string): string {
  const shown = value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60);
  return `${where || 'the document'} is ${shown}, wanted ${wanted}`;
}
