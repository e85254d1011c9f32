// SPDX-License-Identifier: MIT
// Every environment name that numashard reads or sets; native/include/numashard-env.h holds the same list.

export const environmentNames = {
  map: 'GGML_NUMA_SHARD_MAP',
  threads: 'GGML_NUMA_SHARD_THREADS',
  residency: 'GGML_NUMA_SHARD_RESIDENCY',
  report: 'GGML_NUMA_SHARD_REPORT',
  log: 'GGML_NUMA_SHARD_LOG',
  gate: 'GGML_NUMA_SHARD_GATE',
} as const;

/** Where a process leaves its report unless told otherwise: as default_path() of native/preload/report.c. */
export function defaultReportPath(
  pid: number,
  env: Readonly<Record<string, string | undefined>>,
  userId: number,
): string {
  const runtime = env['XDG_RUNTIME_DIR'];
  return runtime ? `${runtime}/numashard/${pid}.json` : `/tmp/numashard-${userId}/${pid}.json`;
}

/** `%p` in a report path is the pid. */
export function reportPathFor(pattern: string, pid: number): string {
  return pattern.replace('%p', `${pid}`);
}
