// SPDX-License-Identifier: MIT
// Brings private pages into being on their nodes: read from the file, or touched where llama.cpp writes them itself.
// What was not in the page cache before is read past it, or dropped behind the reader: a model is in memory once.
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Shorter reads past the cache cost more than they save. */
#define NS_DIRECT_BYTES (64u << 10)

struct filling {
    const struct ns_pages *pages;
    int fd, direct_fd; /* direct_fd -1: this file system has no reads past the cache */
    uint64_t file_offset;
    const unsigned char *cached; /* by page; NULL: the kernel does not tell */
};

static int read_run(int fd, char *to, uint64_t offset, size_t length) {
    while (length > 0) {
        ssize_t got = pread(fd, to, length, (off_t)offset);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        /* The rest of a file's last page is zero, in a mapping as here; a whole page more would be SIGBUS there. */
        if (got == 0) return length < ns_machine()->page_size ? 0 : EIO;
        to += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return 0;
}

enum state { NS_ABSENT, NS_PARTLY_CACHED, NS_CACHED };

/* Where the kernel does not tell of this file, three pages speak for a chunk; in doubt it was cached before us. */
static enum state state_of(const struct filling *filling, const struct cache_chunk *chunk) {
    const size_t size = ns_machine()->page_size;
    size_t cached = 0;
    if (filling->cached) {
        for (size_t i = 0; i < chunk->count; i++) cached += filling->cached[chunk->page + i];
        return cached == 0 ? NS_ABSENT : cached == chunk->count ? NS_CACHED : NS_PARTLY_CACHED;
    }
    for (size_t i = 0; i < 3 && !cached; i++)
        cached = cache_probe(filling->fd, filling->file_offset + (chunk->page + i * (chunk->count - 1) / 2) * size, size) != 0;
    return cached ? NS_CACHED : NS_ABSENT;
}

/* Runs of pages that were not cached before. */
static void drop_behind(const struct filling *filling, const struct cache_chunk *chunk, enum state state) {
    const size_t size = ns_machine()->page_size, last = chunk->page + chunk->count;
    for (size_t page = chunk->page, end; page < last; page = end) {
        const bool was_cached = state == NS_PARTLY_CACHED && filling->cached[page];
        for (end = page + 1; end < last && (state == NS_ABSENT || filling->cached[end] == was_cached);) end++;
        if (!was_cached)
            posix_fadvise(filling->fd, (off_t)(filling->file_offset + page * size), (off_t)((end - page) * size),
                          POSIX_FADV_DONTNEED);
    }
}

static int fill_chunk(void *context, struct cache_chunk *chunk) {
    const struct filling *filling = context;
    const size_t size = ns_machine()->page_size, length = chunk->count * size;
    char *start = (char *)(filling->pages->first + chunk->page * size); // NOLINT: an address is what we were given
    const uint64_t offset = filling->file_offset + chunk->page * size;
    const enum state state = state_of(filling, chunk);
    const bool is_direct = state == NS_ABSENT && length >= NS_DIRECT_BYTES && filling->direct_fd >= 0;
    if (is_direct && read_run(filling->direct_fd, start, offset, length) == 0) return 0;
    const int error = read_run(filling->fd, start, offset, length);
    /* Without policy calls a node full of cache turns new pages away: then what was cached before goes, too. */
    if (!ns_machine()->policy_allowed) posix_fadvise(filling->fd, (off_t)offset, (off_t)length, POSIX_FADV_DONTNEED);
    else if (state != NS_CACHED) drop_behind(filling, chunk, state);
    return error;
}

static int touch_chunk(void *context, struct cache_chunk *chunk) {
    const struct filling *filling = context;
    const size_t size = ns_machine()->page_size, length = chunk->count * size;
    char *start = (char *)(filling->pages->first + chunk->page * size); // NOLINT: see above
    if (ns_machine()->can_populate) return syscall(SYS_madvise, start, length, NS_MADV_POPULATE_WRITE) == 0 ? 0 : errno;
    /* The first and the last page may hold somebody else's bytes too: nothing may be lost between load and store. */
    for (size_t at = 0; at < length; at += size) __atomic_fetch_or(start + at, 0, __ATOMIC_RELAXED);
    return 0;
}

static int run(const struct ns_pages *pages, cache_work *work, struct filling *filling) {
    size_t length;
    struct cache_chunk *chunks =
        cache_cut(pages->want, NULL, pages->count, pages->first, ns_machine()->page_size, &length);
    const int error = chunks ? ns_run_chunks(chunks, length, work, filling) : ENOMEM;
    free(chunks);
    return error;
}

int ns_pages_touch(const struct ns_pages *pages) { return run(pages, touch_chunk, &(struct filling){.pages = pages}); }

int ns_pages_read(const struct ns_pages *pages, int fd, uint64_t file_offset, const unsigned char *cached) {
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd); /* the very file, whatever its name means by now */
    const bool any_absent = !cached || memchr(cached, 0, pages->count);
    const int direct_fd = any_absent ? open(self, O_RDONLY | O_DIRECT | O_CLOEXEC) : -1;
    struct filling filling = {pages, fd, direct_fd, file_offset, cached};
    posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM); /* no read-ahead: it would cache what we then take for cached before */
    const int error = run(pages, fill_chunk, &filling);
    if (direct_fd >= 0) close(direct_fd);
    return error;
}
