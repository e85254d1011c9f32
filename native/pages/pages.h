/* SPDX-License-Identifier: MIT */
/* numashard-pages: asks the kernel where pages are and puts page-cache pages on nodes. TypeScript decides,
 * this does: one line in, one line out. */
#ifndef NUMASHARD_PAGES_H
#define NUMASHARD_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../include/syscalls.h"

/* What stands in an answer instead of a node. */
#define PAGES_ABSENT (-1)  /* not in memory */
#define PAGES_UNKNOWN (-2) /* in memory, the kernel does not say where */

/* One batch of move_pages(2). */
#define PAGES_BATCH 2048
/* Pages looked at together: a line may ask for terabytes, our memory does not grow with it. */
#define PAGES_CHUNK (8 * PAGES_BATCH)

/* Exit codes, as src/runtime/page-helper.ts knows them. */
enum { PAGES_DONE = 0, PAGES_WRONG_INPUT = 2, PAGES_UNUSABLE = 3, PAGES_REFUSED = 4 };

size_t page_bytes(void);

/* ---- input.c ---- */
struct request {
    uint64_t start, length; /* bytes; their sum is below 2^57, Linux's largest address space */
    int node;
};
/* Reads "start length" or "start length node": 1, 0 at the end, -1 where a line is not of that form (said). */
int read_request(struct request *out, bool with_node);

/* ---- query.c ---- */
/* Nodes of `count` pages of a process (0: this one) from `start`; -1 with errno when the kernel refuses. */
int pages_query(pid_t pid, uint64_t start, size_t count, int *nodes);
/* Prints "node count,node count…\n" from parts that follow each other. */
struct runs {
    FILE *out;
    int node;
    uint64_t count; /* pages of the run that is not printed yet */
    bool printed;
};
void runs_add(struct runs *runs, const int *nodes, size_t count);
void runs_end(struct runs *runs);

int command_query(pid_t pid);

/* ---- file.c ---- */
struct file {
    const char *path;
    int fd;
    uint64_t byte_length;
    unsigned char *map;
    bool is_hidden; /* mincore(2) calls every page resident: the file is another's, and not ours to write */
};
int open_file(const char *path, struct file *file);
/* Pages of a request that the file has; `first` is the offset of the first. */
uint64_t pages_in_file(const struct file *file, const struct request *request, uint64_t *first);
/* Where at most PAGES_CHUNK cached pages are. -1 with errno. */
int where_cached(const struct file *file, uint64_t first, size_t count, int *nodes);

/* ---- room.c ---- */
/* Bytes that a node can take without anything but clean cache giving way; UINT64_MAX where it does not say. */
uint64_t room_on(int node);

int command_file_query(const char *path);
int command_file_place(const char *path);

/* ---- program.c ---- */
int command_program(const char *path);

#endif
