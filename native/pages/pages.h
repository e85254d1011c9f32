/* SPDX-License-Identifier: MIT */
/* numashard-pages: asks the kernel where pages are and puts page-cache pages on nodes. TypeScript decides,
 * this does: one line in, one line out. */
#ifndef NUMASHARD_PAGES_H
#define NUMASHARD_PAGES_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../preload/syscalls.h"

/* What stands in an answer instead of a node. */
#define PAGES_ABSENT (-1)  /* not in memory */
#define PAGES_UNKNOWN (-2) /* in memory, the kernel does not say where */

/* One batch of move_pages(2). */
#define PAGES_BATCH 2048

size_t page_bytes(void);

/* Nodes of `count` pages of a process (0: this one) from `start`; returns the number of pages that only
 * pagemap could answer, -1 with errno when the kernel refuses. */
long pages_query(pid_t pid, uint64_t start, size_t count, int *nodes);

/* Prints runs: "node count,node count…\n". */
void pages_print(FILE *out, const int *nodes, size_t count);

int command_query(pid_t pid);
int command_file_query(const char *path);
int command_file_place(const char *path);

#endif
