/* SPDX-License-Identifier: MIT */
/* Every environment name that numashard reads or sets. src/runtime/environment.ts holds the same list;
 * test/runtime/environment.test.ts compares the two. */
#ifndef NUMASHARD_ENV_H
#define NUMASHARD_ENV_H

#define NUMASHARD_ENV_MAP "GGML_NUMA_SHARD_MAP"
#define NUMASHARD_ENV_THREADS "GGML_NUMA_SHARD_THREADS"
#define NUMASHARD_ENV_RESIDENCY "GGML_NUMA_SHARD_RESIDENCY"
#define NUMASHARD_ENV_REPORT "GGML_NUMA_SHARD_REPORT"
#define NUMASHARD_ENV_LOG "GGML_NUMA_SHARD_LOG"
/* A Unix socket at which `numashard run --verify` waits; the process pauses there before its weights go. */
#define NUMASHARD_ENV_GATE "GGML_NUMA_SHARD_GATE"

#endif
