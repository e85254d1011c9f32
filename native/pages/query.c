// SPDX-License-Identifier: MIT
// Where pages are: move_pages(2) without a target; for pages that carry a NUMA-balancing hint (Linux 6.1
// says ENOENT for them) /proc/PID/pagemap, where its frame numbers are shown.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"

#define MAX_ZONES 4096
struct zone {
    uint64_t first, end; /* page frames */
    int node;
};

static struct zone zones[MAX_ZONES];
static size_t zone_count;

/* Node of a page frame from /proc/zoneinfo: "Node N, zone …", "spanned S", "start_pfn: F". Spans of two
 * nodes may overlap on odd machines; the first match then is a guess, so those say unknown. */
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
static long ask_pagemap(pid_t pid, uint64_t start, size_t count, int *nodes) {
    char path[64];
    long answered = 0;
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
    int fd = open(pid ? path : "/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t entry;
        if (nodes[i] != PAGES_ABSENT) continue;
        if (pread(fd, &entry, sizeof entry, (off_t)((start / page_bytes() + i) * sizeof entry)) != sizeof entry) break;
        if (!(entry >> 63)) continue;
        uint64_t frame = entry & ((1ULL << 55) - 1);
        nodes[i] = frame ? node_of_frame(frame) : PAGES_UNKNOWN;
        answered += nodes[i] >= 0;
    }
    close(fd);
    return answered;
}

long pages_query(pid_t pid, uint64_t start, size_t count, int *nodes) {
    void *addresses[PAGES_BATCH];
    long from_pagemap = 0;
    for (size_t first = 0; first < count; first += PAGES_BATCH) {
        size_t batch = count - first < PAGES_BATCH ? count - first : PAGES_BATCH;
        for (size_t i = 0; i < batch; i++) addresses[i] = (void *)(uintptr_t)(start + (first + i) * page_bytes());
        if (syscall(SYS_move_pages, pid, batch, addresses, NULL, &nodes[first], 0) != 0) return -1;
        int absent = 0;
        for (size_t i = 0; i < batch; i++) {
            if (nodes[first + i] >= 0) continue;
            int gone = nodes[first + i] == -ENOENT || nodes[first + i] == -EFAULT;
            nodes[first + i] = gone ? PAGES_ABSENT : PAGES_UNKNOWN;
            absent |= gone;
        }
        if (absent) from_pagemap += ask_pagemap(pid, start + first * page_bytes(), batch, &nodes[first]);
    }
    return from_pagemap;
}

void pages_print(FILE *out, const int *nodes, size_t count) {
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && nodes[end] == nodes[i]) end++;
        fprintf(out, "%s%d %zu", i ? "," : "", nodes[i], end - i);
        i = end;
    }
    fputc('\n', out);
}

int command_query(pid_t pid) {
    uint64_t start, length;
    while (scanf("%" SCNu64 " %" SCNu64, &start, &length) == 2) {
        uint64_t first = start & ~(uint64_t)(page_bytes() - 1);
        size_t count = (size_t)((start + length - first + page_bytes() - 1) / page_bytes());
        int *nodes = count ? calloc(count, sizeof *nodes) : NULL;
        if (!nodes || pages_query(pid, first, count, nodes) < 0) {
            fprintf(stderr, "move_pages of process %d: %s\n", (int)pid, strerror(errno));
            free(nodes);
            return errno == ESRCH ? 3 : 4;
        }
        pages_print(stdout, nodes, count);
        free(nodes);
    }
    return 0;
}
