// SPDX-License-Identifier: MIT
// Cuts a stretch of pages into pieces of one node, for readers that take them one after another.
#include <stdlib.h>

#include "cache.h"

static size_t cut(const int *want, const unsigned char *skip, size_t count, uintptr_t address, size_t page_size,
                  struct cache_chunk *out) {
    size_t made = 0;
    for (size_t page = 0, end; page < count; page = end) {
        end = page + 1;
        if (skip && skip[page]) continue;
        while (end < count && want[end] == want[page] && !(skip && skip[end]) &&
               (address + end * page_size) % CACHE_CHUNK_BYTES != 0)
            end++;
        if (out) out[made] = (struct cache_chunk){.page = page, .count = end - page, .node = want[page]};
        made++;
    }
    return made;
}

struct cache_chunk *cache_cut(const int *want, const unsigned char *skip, size_t count, uintptr_t address,
                              size_t page_size, size_t *length) {
    *length = cut(want, skip, count, address, page_size, NULL);
    struct cache_chunk *chunks = *length ? calloc(*length, sizeof *chunks) : NULL;
    if (chunks) cut(want, skip, count, address, page_size, chunks);
    return chunks;
}
