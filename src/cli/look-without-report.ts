// SPDX-License-Identifier: MIT
// `numashard verify PID` of a process that wrote no report: what its maps, its command line and its threads say.
import { existsSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { NumashardError } from '../errors.js';
import type { Model } from '../model/types.js';
import { readLlamaCommand } from '../runtime/command.js';
import { readFileMappings } from '../runtime/file-mappings.js';
import type { PreloadReport } from '../runtime/preload-report.js';
import { readThreadMasks } from '../runtime/thread-masks.js';
import type { Topology } from '../topology/types.js';
import { describeStockProcess, joinMappings } from '../verify/stock-process.js';
import { openModel } from './open-model.js';

export interface LookedAt {
  readonly report: PreloadReport;
  /** By id. */
  readonly models: ReadonlyMap<number, Model>;
}

/** `reportPath`: where none was, for the message. Throws `report-unreadable` where no model is mapped either. */
export async function lookWithoutReport(
  pid: number,
  topology: Topology,
  reportPath: string,
): Promise<LookedAt> {
  if (!existsSync(`/proc/${pid}`)) {
    throw new NumashardError('process-gone', `there is no process ${pid}`, { hint: 'check the process id' });
  }
  const mappings = joinMappings(await readFileMappings(pid));
  const models = await openMapped(mappings.map(({ path }) => path));
  if (models.length === 0) {
    const message = `process ${pid} has no report (${reportPath}) and maps no GGUF file`;
    throw new NumashardError('report-unreadable', message, {
      hint: 'start it with numashard run, as the same user; without it only mapped weights can be seen from outside',
    });
  }
  const argv = await readWords(`/proc/${pid}/cmdline`);
  const env = Object.fromEntries(
    (await readWords(`/proc/${pid}/environ`)).map((word): [string, string] => {
      const equals = word.indexOf('=');
      return [word.slice(0, equals), word.slice(equals + 1)];
    }),
  );
  const masks = await readThreadMasks(pid);
  const command = readLlamaCommand(argv, env, { hardwareThreads: topology.limits.cpus.length });
  const report = describeStockProcess({ pid, models, mappings, masks, command, topology });
  return { report, models: new Map(models.map((model, id) => [id, model])) };
}

/** Each model once, of a split one whichever part is met first; other files and unreadable ones are passed over. */
async function openMapped(paths: readonly string[]): Promise<Model[]> {
  const models: Model[] = [];
  for (const path of new Set(paths)) {
    const isKnown = models.some(({ files }) => files.some((file) => file.path === path));
    if (isKnown || !(await isGguf(path))) continue;
    const model = await openModel(path).catch(() => null);
    if (model !== null) models.push(model);
  }
  return models;
}

async function isGguf(path: string): Promise<boolean> {
  const file = await open(path).catch(() => null);
  if (file === null) return false;
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return buffer.toString('latin1') === 'GGUF';
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

/** NUL after each; none where they are another user's. */
async function readWords(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text.split('\0').slice(0, -1);
}
