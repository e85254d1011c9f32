// SPDX-License-Identifier: MIT
// Puts a file's cached pages on nodes, without a privilege. Reading under MPOL_BIND and random-access advice
// brings pages in singly and on the node; cached ones are moved; what will not move (a large folio, a page that
// another process maps) is dropped where it can be, and read again.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pages.h"

struct counts {
    uint64_t read, moved, dropped, misplaced;
};

/* Without the right to set a policy (containers), a reader on the node's own CPUs does it by first touch.
 * 0, or errno where there is no such node. */
static int become_local(int node, int policy) {
    struct ns_mask mask = {{0}};
    char path[96], list[8192];
    cpu_set_t cpus;
    ns_mask_set(&mask, node);
    if (ns_set_mempolicy(policy, &mask) == 0) return 0;
    if (errno != EPERM && errno != ENOSYS) return errno;
    CPU_ZERO(&cpus);
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", node);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(list, sizeof list, file)) list[0] = 0;
    if (file) fclose(file);
    for (char *at = list; *at >= '0' && *at <= '9';) {
        long first = strtol(at, &at, 10), last = first;
        if (*at == '-') last = strtol(at + 1, &at, 10);
        for (long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++) CPU_SET(cpu, &cpus);
        if (*at == ',') at++;
    }
    return sched_setaffinity(0, sizeof cpus, &cpus) == 0 ? 0 : errno;
}

static int read_in(const struct file *file, uint64_t first, size_t count) {
    static char buffer[1 << 20];
    uint64_t end = first + count * page_bytes();
    if (end > file->byte_length) end = file->byte_length;
    for (uint64_t at = first; at < end;) {
        size_t want = end - at < sizeof buffer ? (size_t)(end - at) : sizeof buffer;
        ssize_t got = pread(file->fd, buffer, want, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) return ESTALE; /* the file was cut */
        at += (uint64_t)got;
    }
    return 0;
}

/* Where one page fails, move_pages(2) leaves the answers for the rest unwritten: only a second look counts. */
static int move_to(const struct file *file, uint64_t first, int *nodes, size_t count, int node, struct counts *counts) {
    static int before[PAGES_CHUNK];
    void *addresses[PAGES_BATCH];
    int targets[PAGES_BATCH], status[PAGES_BATCH] = {0};
    bool tried = false;
    for (size_t at = 0; at < count;) {
        size_t batch = 0;
        for (; at < count && batch < PAGES_BATCH; at++) {
            if (nodes[at] < 0 || nodes[at] == node) continue;
            targets[batch] = node;
            addresses[batch++] = file->map + first + at * page_bytes();
        }
        if (batch) ns_move_pages(batch, addresses, targets, status);
        tried = tried || batch;
    }
    if (!tried) return 0;
    memcpy(before, nodes, count * sizeof *before);
    if (pages_query(0, (uint64_t)(uintptr_t)(file->map + first), count, nodes) != 0) return -1;
    for (size_t i = 0; i < count; i++) counts->moved += before[i] >= 0 && before[i] != node && nodes[i] == node;
    return 0;
}

/* Clean pages that nobody maps can go; our own mapping of them goes first. */
static void drop_wrong(const struct file *file, uint64_t first, const int *nodes, size_t count, int node) {
    madvise(file->map + first, count * page_bytes(), MADV_DONTNEED);
    for (size_t at = 0; at < count;) {
        size_t end = at + 1;
        bool wrong = nodes[at] >= 0 && nodes[at] != node;
        while (wrong && end < count && nodes[end] >= 0 && nodes[end] != node) end++;
        if (wrong)
            posix_fadvise(file->fd, (off_t)(first + at * page_bytes()), (off_t)((end - at) * page_bytes()),
                          POSIX_FADV_DONTNEED);
        at = end;
    }
}

static uint64_t elsewhere(const int *nodes, size_t count, int node) {
    uint64_t wrong = 0;
    for (size_t i = 0; i < count; i++) wrong += nodes[i] != node;
    return wrong;
}

/* Rounds of reading and moving, and between them of dropping what did not follow, to be read singly. 0 or errno.
 * A node without room is only preferred, and what it does not take is left elsewhere. */
#define ROUNDS 3

static int place_chunk(const struct file *file, uint64_t first, size_t count, int node, struct counts *counts) {
    static int nodes[PAGES_CHUNK], before[PAGES_CHUNK];
    const bool fits = room_on(node) >= count * page_bytes();
    const int rounds = fits ? ROUNDS : 0;
    uint64_t wrong = 0;
    int error = become_local(node, fits ? NS_MPOL_BIND : NS_MPOL_PREFERRED);
    if (error) return error;
    for (int round = 0; round <= rounds; round++) {
        if (where_cached(file, first, count, nodes) != 0) return errno;
        uint64_t absent = 0;
        for (size_t i = 0; i < count; i++) {
            absent += nodes[i] == PAGES_ABSENT;
            counts->dropped += round && nodes[i] == PAGES_ABSENT && before[i] >= 0 && before[i] != node;
        }
        error = absent ? read_in(file, first, count) : 0;
        if (error) return error;
        if (absent && where_cached(file, first, count, nodes) != 0) return errno;
        counts->read += absent;
        if (move_to(file, first, nodes, count, node, counts) != 0) return errno;
        wrong = elsewhere(nodes, count, node);
        if (wrong == 0) return 0;
        memcpy(before, nodes, sizeof before);
        if (round < rounds) drop_wrong(file, first, nodes, count, node);
    }
    counts->misplaced += wrong;
    return 0;
}

/* The answer is the number of pages that were placed: fewer than asked where the file ends before. */
static int place_request(const struct file *file, const struct request *request, struct counts *counts) {
    uint64_t at, pages = pages_in_file(file, request, &at);
    int error = 0;
    for (uint64_t left = pages; left > 0 && !error;) {
        const size_t count = left < PAGES_CHUNK ? (size_t)left : PAGES_CHUNK;
        error = place_chunk(file, at, count, request->node, counts);
        at += count * page_bytes();
        left -= count;
    }
    if (error) {
        fprintf(stderr, "%s, node %d: %s\n", file->path, request->node, strerror(error));
        return PAGES_REFUSED;
    }
    printf("%" PRIu64 "\n", pages);
    fflush(stdout);
    return PAGES_DONE;
}

int command_file_place(const char *path) {
    struct file file;
    struct counts counts = {0};
    struct request request;
    int got, failed = open_file(path, &file);
    while (!failed && (got = read_request(&request, true)) != 0)
        failed = got < 0 ? PAGES_WRONG_INPUT : place_request(&file, &request, &counts);
    if (failed) return failed;
    printf("read %" PRIu64 " moved %" PRIu64 " dropped %" PRIu64 " misplaced %" PRIu64 "\n", counts.read, counts.moved,
           counts.dropped, counts.misplaced);
    return PAGES_DONE;
}
