// SPDX-License-Identifier: MIT
// Where a file's cached pages are, without reading in what is not cached.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../cache/cache.h"
#include "pages.h"

/* Touching a page that a file no longer has: the file was cut under us. */
static void on_cut_file(int signal) {
    static const char text[] = "the file was cut short while it was looked at\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)signal, (void)written;
    _exit(PAGES_UNUSABLE);
}

int open_file(const char *path, struct file *file) {
    struct stat status;
    file->path = path;
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->fd < 0 || fstat(file->fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
        fprintf(stderr, "%s: %s\n", path, file->fd < 0 ? strerror(errno) : "not a regular file with data");
        return PAGES_UNUSABLE;
    }
    file->byte_length = (uint64_t)status.st_size;
    file->is_hidden = geteuid() != status.st_uid && faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0;
    file->map = mmap(NULL, file->byte_length, PROT_READ, MAP_SHARED, file->fd, 0);
    if (file->map == MAP_FAILED) {
        fprintf(stderr, "%s: mmap: %s\n", path, strerror(errno));
        return PAGES_REFUSED;
    }
    signal(SIGBUS, on_cut_file);
    posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM);
    madvise(file->map, file->byte_length, MADV_RANDOM);
    return PAGES_DONE;
}

uint64_t pages_in_file(const struct file *file, const struct request *request, uint64_t *first) {
    uint64_t end = request->start + request->length;
    *first = request->start & ~(uint64_t)(page_bytes() - 1);
    if (end > file->byte_length) end = file->byte_length;
    return request->length && end > request->start ? (end - *first + page_bytes() - 1) / page_bytes() : 0;
}

/* An absent page costs a read, so through absent ones it goes in growing steps, and back from what it then finds:
 * less than a step between two absent pages is taken for absent too. A page found alone does not shorten the step:
 * it may have come in by the question, and so would the next. */
#define PROBE_BYTES (2u << 20)

static bool probe(const struct file *file, uint64_t first, size_t count, unsigned char *resident) {
    const size_t longest = PROBE_BYTES / page_bytes();
    memset(resident, 0, count);
    for (size_t at = 0, step = 1, next; at < count; at = next) {
        const int cached = cache_probe(file->fd, first + at * page_bytes(), page_bytes());
        if (cached < 0) return false;
        for (size_t back = at; cached && back-- > 0 && !resident[back];) {
            if (cache_probe(file->fd, first + back * page_bytes(), page_bytes()) <= 0) break;
            resident[back] = 1;
        }
        resident[at] = cached > 0;
        const bool is_run = cached && (at == 0 || resident[at - 1]);
        if (is_run) step = 1;
        next = at + step < count || at + 1 == count ? at + step : count - 1;
        if (!cached && step < longest) step *= 2;
    }
    return true;
}

/* move_pages(2) tells only of pages in our own page table, so those in memory, and only those, are touched. */
int where_cached(const struct file *file, uint64_t first, size_t count, int *nodes) {
    static unsigned char resident[PAGES_CHUNK];
    unsigned char *start = file->map + first;
    const bool is_probed = file->is_hidden && probe(file, first, count, resident);
    if (!is_probed && mincore(start, count * page_bytes(), resident) != 0) return -1;
    for (size_t i = 0; i < count; i++)
        if (resident[i] & 1) (void)*(volatile unsigned char *)(start + i * page_bytes());
    if (pages_query(0, (uint64_t)(uintptr_t)start, count, nodes) != 0) return -1;
    for (size_t i = 0; i < count; i++)
        if (!(resident[i] & 1)) nodes[i] = PAGES_ABSENT;
    return 0;
}

static int query_request(const struct file *file, const struct request *request) {
    static int nodes[PAGES_CHUNK];
    struct runs runs = {.out = stdout};
    uint64_t at, left = pages_in_file(file, request, &at);
    while (left > 0) {
        const size_t count = left < PAGES_CHUNK ? (size_t)left : PAGES_CHUNK;
        if (where_cached(file, at, count, nodes) != 0) return errno;
        runs_add(&runs, nodes, count);
        at += count * page_bytes();
        left -= count;
    }
    runs_end(&runs);
    return 0;
}

int command_file_query(const char *path) {
    struct file file;
    struct request request;
    int got, failed = open_file(path, &file);
    while (!failed && (got = read_request(&request, false)) != 0) {
        const int error = got < 0 ? 0 : query_request(&file, &request);
        if (error) fprintf(stderr, "%s: %s\n", path, strerror(error));
        failed = got < 0 ? PAGES_WRONG_INPUT : error ? PAGES_REFUSED : PAGES_DONE;
    }
    return failed;
}
