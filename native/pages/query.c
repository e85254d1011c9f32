// SPDX-License-Identifier: MIT
// Where pages are: move_pages(2) without a target; for pages that carry a NUMA-balancing hint (Linux 6.1
// says ENOENT for them) /proc/PID/pagemap, where its frame numbers are shown.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "pages.h"

#define MAX_ZONES 4096
struct zone {
    uint64_t first, end; /* page frames */
    int node;
};

static struct zone zones[MAX_ZONES];
static size_t zone_count;

/* Node of a page frame from /proc/zoneinfo: "Node N, zone …", "spanned S", "start_pfn: F". */
static void read_zones(void) {
    FILE *file = fopen("/proc/zoneinfo", "re");
    char line[256];
    int node = -1;
    uint64_t spanned = 0, value;
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "Node %d, zone", &node) == 1) spanned = 0;
        else if (sscanf(line, " spanned %" SCNu64, &value) == 1) spanned = value;
        else if (sscanf(line, " start_pfn: %" SCNu64, &value) == 1 && spanned && zone_count < MAX_ZONES)
            zones[zone_count++] = (struct zone){value, value + spanned, node};
    }
    if (file) fclose(file);
}

/* Spans of two nodes may overlap on odd machines; the first match then is a guess, so those say unknown. */
static int node_of_frame(uint64_t frame) {
    int found = PAGES_UNKNOWN;
    if (!zone_count) read_zones();
    for (size_t i = 0; i < zone_count; i++) {
        if (frame < zones[i].first || frame >= zones[i].end) continue;
        if (found != PAGES_UNKNOWN && found != zones[i].node) return PAGES_UNKNOWN;
        found = zones[i].node;
    }
    return found;
}

/* Bit 63 present, bits 0-54 frame (0 without CAP_SYS_ADMIN): Documentation/admin-guide/mm/pagemap.rst. */
static void ask_pagemap(pid_t pid, uint64_t start, size_t count, int *nodes) {
    uint64_t entries[PAGES_BATCH];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
    int fd = open(pid ? path : "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t got = pread(fd, entries, count * sizeof *entries, (off_t)(start / page_bytes() * sizeof *entries));
    close(fd);
    for (size_t i = 0; got > 0 && i < (size_t)got / sizeof *entries; i++) {
        const uint64_t frame = entries[i] & ((1ULL << 55) - 1);
        if (nodes[i] == PAGES_ABSENT && entries[i] >> 63) nodes[i] = frame ? node_of_frame(frame) : PAGES_UNKNOWN;
    }
}

int pages_query(pid_t pid, uint64_t start, size_t count, int *nodes) {
    void *addresses[PAGES_BATCH];
    for (size_t first = 0; first < count; first += PAGES_BATCH) {
        size_t batch = count - first < PAGES_BATCH ? count - first : PAGES_BATCH;
        for (size_t i = 0; i < batch; i++) addresses[i] = (void *)(uintptr_t)(start + (first + i) * page_bytes());
        if (syscall(SYS_move_pages, pid, batch, addresses, NULL, &nodes[first], 0) != 0) return -1;
        bool absent = false;
        for (size_t i = 0; i < batch; i++) {
            if (nodes[first + i] >= 0) continue;
            bool gone = nodes[first + i] == -ENOENT || nodes[first + i] == -EFAULT;
            nodes[first + i] = gone ? PAGES_ABSENT : PAGES_UNKNOWN;
            absent = absent || gone;
        }
        if (absent) ask_pagemap(pid, start + first * page_bytes(), batch, &nodes[first]);
    }
    return 0;
}

static void print_run(struct runs *runs) {
    if (runs->count) fprintf(runs->out, "%s%d %" PRIu64, runs->printed ? "," : "", runs->node, runs->count);
    runs->printed = runs->printed || runs->count;
    runs->count = 0;
}

void runs_add(struct runs *runs, const int *nodes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (runs->count && nodes[i] != runs->node) print_run(runs);
        runs->node = nodes[i];
        runs->count++;
    }
}

void runs_end(struct runs *runs) {
    print_run(runs);
    fputc('\n', runs->out);
}

static int query_request(pid_t pid, const struct request *request) {
    static int nodes[PAGES_CHUNK];
    const uint64_t first = request->start & ~(uint64_t)(page_bytes() - 1);
    uint64_t left = request->length ? (request->start + request->length - first + page_bytes() - 1) / page_bytes() : 0;
    struct runs runs = {.out = stdout};
    for (uint64_t at = first; left > 0;) {
        const size_t count = left < PAGES_CHUNK ? (size_t)left : PAGES_CHUNK;
        if (pages_query(pid, at, count, nodes) != 0) return errno;
        runs_add(&runs, nodes, count);
        at += count * page_bytes();
        left -= count;
    }
    runs_end(&runs);
    return 0;
}

int command_query(pid_t pid) {
    struct request request;
    int got;
    while ((got = read_request(&request, false)) > 0) {
        const int error = query_request(pid, &request);
        if (!error) continue;
        fprintf(stderr, "move_pages of process %d: %s\n", (int)pid, strerror(error));
        return error == ESRCH ? PAGES_UNUSABLE : PAGES_REFUSED;
    }
    return got < 0 ? PAGES_WRONG_INPUT : PAGES_DONE;
}
