// SPDX-License-Identifier: MIT
// A file's cached pages: where they are, and how to put them on nodes without a privilege. Reading under
// MPOL_BIND and random-access advice brings pages in singly and on the node; cached ones are moved; what
// will not move (a large folio, a page that another process maps) is dropped where it can be, and read again.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "pages.h"

struct file {
    int fd;
    uint64_t byte_length;
    unsigned char *map;
};

static int open_file(const char *path, struct file *file) {
    struct stat status;
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->fd < 0 || fstat(file->fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) {
        fprintf(stderr, "%s: %s\n", path, file->fd < 0 ? strerror(errno) : "not a regular file with data");
        return 3;
    }
    file->byte_length = (uint64_t)status.st_size;
    file->map = mmap(NULL, file->byte_length, PROT_READ, MAP_SHARED, file->fd, 0);
    if (file->map == MAP_FAILED) {
        fprintf(stderr, "%s: mmap: %s\n", path, strerror(errno));
        return 4;
    }
    posix_fadvise(file->fd, 0, 0, POSIX_FADV_RANDOM);
    madvise(file->map, file->byte_length, MADV_RANDOM);
    return 0;
}

/* Where cached pages are. Only pages that are in memory already are touched: looking must not fill. */
static int where(const struct file *file, uint64_t first, size_t count, int *nodes) {
    unsigned char *resident = malloc(count);
    unsigned char *start = file->map + first;
    volatile unsigned char sum = 0;
    if (!resident || mincore(start, count * page_bytes(), resident) != 0) {
        free(resident);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        if (resident[i] & 1) sum += start[i * page_bytes()];
    long asked = pages_query(0, (uint64_t)(uintptr_t)start, count, nodes);
    for (size_t i = 0; i < count; i++)
        if (!(resident[i] & 1)) nodes[i] = PAGES_ABSENT;
    free(resident);
    return asked < 0 ? -1 : 0;
}

static size_t pages_of(const struct file *file, uint64_t start, uint64_t length, uint64_t *first) {
    *first = start & ~(uint64_t)(page_bytes() - 1);
    uint64_t end = start + length < file->byte_length ? start + length : file->byte_length;
    return end > *first ? (size_t)((end - *first + page_bytes() - 1) / page_bytes()) : 0;
}

int command_file_query(const char *path) {
    struct file file;
    int failed = open_file(path, &file);
    uint64_t start, length, first;
    if (failed) return failed;
    while (scanf("%" SCNu64 " %" SCNu64, &start, &length) == 2) {
        size_t count = pages_of(&file, start, length, &first);
        int *nodes = calloc(count + 1, sizeof *nodes);
        if (!nodes || where(&file, first, count, nodes) != 0) {
            fprintf(stderr, "%s: %s\n", path, strerror(errno));
            return 4;
        }
        pages_print(stdout, nodes, count);
        free(nodes);
    }
    return 0;
}

/* ---- placing ---- */
struct counts {
    uint64_t read, moved, dropped, misplaced;
};

/* Without the right to set a policy (containers), a reader on the node's own CPUs does it by first touch. */
static void become_local(int node) {
    struct ns_mask mask = {{0}};
    ns_mask_set(&mask, node);
    if (ns_set_mempolicy(NS_MPOL_BIND, &mask) == 0) return;
    char path[96], list[8192];
    cpu_set_t cpus;
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
    sched_setaffinity(0, sizeof cpus, &cpus);
}

static int read_in(const struct file *file, uint64_t first, size_t count) {
    static char buffer[1 << 20];
    uint64_t end = first + count * page_bytes();
    if (end > file->byte_length) end = file->byte_length;
    for (uint64_t at = first; at < end;) {
        size_t want = end - at < sizeof buffer ? (size_t)(end - at) : sizeof buffer;
        ssize_t got = pread(file->fd, buffer, want, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return -1;
        at += (uint64_t)got;
    }
    return 0;
}

static void move_to(const struct file *file, uint64_t first, int *nodes, size_t count, int node, struct counts *counts) {
    void *addresses[PAGES_BATCH];
    int targets[PAGES_BATCH], status[PAGES_BATCH];
    size_t index[PAGES_BATCH];
    for (size_t at = 0; at < count;) {
        size_t batch = 0;
        for (; at < count && batch < PAGES_BATCH; at++) {
            if (nodes[at] < 0 || nodes[at] == node) continue;
            index[batch] = at;
            targets[batch] = node;
            addresses[batch++] = file->map + first + at * page_bytes();
        }
        if (!batch || ns_move_pages(batch, addresses, targets, status) < 0) continue;
        for (size_t i = 0; i < batch; i++) {
            if (status[i] != node) continue;
            nodes[index[i]] = node;
            counts->moved++;
        }
    }
}

/* Clean pages that nobody maps can go; our own mapping of them goes first. */
static void drop_wrong(const struct file *file, uint64_t first, const int *nodes, size_t count, int node,
                       struct counts *counts) {
    for (size_t at = 0; at < count;) {
        size_t end = at + 1;
        bool wrong = nodes[at] >= 0 && nodes[at] != node;
        while (wrong && end < count && nodes[end] >= 0 && nodes[end] != node) end++;
        if (wrong) {
            madvise(file->map + first + at * page_bytes(), (end - at) * page_bytes(), MADV_DONTNEED);
            posix_fadvise(file->fd, (off_t)(first + at * page_bytes()), (off_t)((end - at) * page_bytes()),
                          POSIX_FADV_DONTNEED);
            counts->dropped += end - at;
        }
        at = end;
    }
}

static uint64_t elsewhere(const int *nodes, size_t count, int node) {
    uint64_t wrong = 0;
    for (size_t i = 0; i < count; i++) wrong += nodes[i] != node;
    return wrong;
}

static int place_run(const struct file *file, uint64_t first, size_t count, int node, int *nodes, struct counts *counts) {
    become_local(node);
    /* Three rounds: read and move; drop what did not follow and read it singly; look once more. */
    for (int round = 0; round < 3; round++) {
        if (where(file, first, count, nodes) != 0) return -1;
        uint64_t absent = 0;
        for (size_t i = 0; i < count; i++) absent += nodes[i] == PAGES_ABSENT;
        if (absent && (read_in(file, first, count) != 0 || where(file, first, count, nodes) != 0)) return -1;
        counts->read += absent;
        move_to(file, first, nodes, count, node, counts);
        if (elsewhere(nodes, count, node) == 0) return 0;
        drop_wrong(file, first, nodes, count, node, counts);
    }
    if (read_in(file, first, count) != 0 || where(file, first, count, nodes) != 0) return -1;
    counts->misplaced += elsewhere(nodes, count, node);
    return 0;
}

int command_file_place(const char *path) {
    struct file file;
    struct counts counts = {0};
    int failed = open_file(path, &file), node;
    uint64_t start, length, first;
    if (failed) return failed;
    while (scanf("%" SCNu64 " %" SCNu64 " %d", &start, &length, &node) == 3) {
        size_t count = pages_of(&file, start, length, &first);
        int *nodes = calloc(count + 1, sizeof *nodes);
        if (!nodes || place_run(&file, first, count, node, nodes, &counts) != 0) {
            fprintf(stderr, "%s: %s\n", path, strerror(errno));
            return 4;
        }
        free(nodes);
        printf("%zu\n", count);
        fflush(stdout);
    }
    printf("read %" PRIu64 " moved %" PRIu64 " dropped %" PRIu64 " misplaced %" PRIu64 "\n", counts.read, counts.moved,
           counts.dropped, counts.misplaced);
    return 0;
}
