// SPDX-License-Identifier: MIT
// Every environment name that numashard reads or sets; native/include/numashard-env.h holds the same list. And
// where reports lie: native/preload/report-file.c, default_path() and find_path().

export const environmentNames = {
  map: 'GGML_NUMA_SHARD_MAP',
  threads: 'GGML_NUMA_SHARD_THREADS',
  residency: 'GGML_NUMA_SHARD_RESIDENCY',
  report: 'GGML_NUMA_SHARD_REPORT',
  log: 'GGML_NUMA_SHARD_LOG',
  gate: 'GGML_NUMA_SHARD_GATE',
} as const;

/** Of mapped weights: the file's own cached pages, or anonymous memory. */
export const residencies = ['page-cache', 'private'] as const;
export type Residency = (typeof residencies)[number];

/** Where processes leave their reports unless told otherwise. */
export function reportDirectory(env: Readonly<Record<string, string | undefined>>, userId: number): string {
  const { XDG_RUNTIME_DIR: runtime } = env;
  return runtime ? `${runtime}/numashard` : `/tmp/numashard-${userId}`;
}

/** `pattern`: as GGML_NUMA_SHARD_REPORT has it, the first %p being the pid; unset or empty: the default place. */
export function reportPath(pattern: string | undefined, directory: string, pid: number): string {
  return pattern ? pattern.replace('%p', `${pid}`) : `${directory}/${pid}.json`;
}
