/* SPDX-License-Identifier: MIT */
/* Puts a file's cached pages on nodes, without a copy and without a privilege; in libnumashard.so on llama.cpp's own
 * mapping, in numashard-pages on one of its own. */
#ifndef NUMASHARD_CACHE_H
#define NUMASHARD_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- chunks.c: the pages of a stretch, cut into pieces for readers ---- */
/* One read: long enough for a disk, and a few huge pages. */
#define CACHE_CHUNK_BYTES (4u << 20)
struct cache_chunk {
    size_t page, count;
    int node; /* as want[] has it */
    _Atomic bool is_taken;
};
/* Runs of one node, cut where addresses are multiples of CACHE_CHUNK_BYTES; without the pages that `skip` marks (NULL:
 * none). Allocates; NULL: no memory, or nothing left (then *length is 0). */
struct cache_chunk *cache_cut(const int *want, const unsigned char *skip, size_t count, uintptr_t address,
                              size_t page_size, size_t *length);

/* 0 or errno. */
typedef int cache_work(void *context, struct cache_chunk *chunk);
/* Has every chunk worked on once, by a thread whose new pages lie on the chunk's node. 0 or errno. */
typedef int cache_run(struct cache_chunk *chunks, size_t length, cache_work *work, void *context);

/* ---- place.c ---- */
struct cache_counts { /* pages */
    uint64_t read, moved, dropped;
    _Atomic uint64_t kept; /* elsewhere at the end because another process maps them */
};
struct cache_place {
    int fd;             /* of the file, open for this alone: it gets random-access advice */
    unsigned char *map; /* a shared mapping; address of the first page */
    uint64_t offset;    /* in the file, of the first page */
    size_t count;       /* pages */
    size_t page_size;
    const int *want; /* node of each page, as an index of ids */
    const int *ids;  /* NULL: want[] holds ids */
    int *found;      /* the answer: node id of each page, or a negative errno of move_pages(2) */
    bool is_hidden;  /* mincore(2) calls every page resident: another's file, and not ours to write */
    bool may_drop;   /* what will not move may be read again */
    bool first_stays, last_stays; /* if cached: who else has a part of that page is not known yet */
    int only_node;   /* the machine's one node with memory: nothing to ask; -1 there are more */
    cache_run *run;
    struct cache_counts counts;
};
/* 0 or errno; ESTALE: the file was cut. What could not be put where it is wanted is in found[]. */
int cache_put(struct cache_place *place);
/* Whether all is in memory and where it is wanted; changes nothing. */
bool cache_is_right(struct cache_place *place);
bool cache_is_right_at(const struct cache_place *place, size_t page);

/* ---- resident.c ---- */
/* Which pages of a stretch are in memory; false where the kernel does not tell. */
bool cache_resident(const struct cache_place *place, unsigned char *resident);
/* Whether a page is cached, -1 where the file system cannot tell. The question may bring it in, to be dropped again. */
int cache_probe(int fd, uint64_t offset, size_t page_size);

#endif
