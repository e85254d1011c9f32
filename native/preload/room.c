// SPDX-License-Identifier: MIT
// What still fits where. MPOL_BIND to a full node does not fail: it ends in the OOM killer at touch time, so
// what a node cannot hold goes elsewhere before it is asked for. Source of truth: nodeN/meminfo, cgroup v2 and v1.
#include "preload.h"

#include <stdlib.h>
#include <string.h>

static bool read_file(const char *path, char *buffer, size_t size) {
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t length = fread(buffer, 1, size - 1, file);
    fclose(file);
    buffer[length] = 0;
    return length > 0;
}

/* "Node 0 MemFree:   123 kB" */
static uint64_t field(const char *meminfo, const char *key) {
    const char *at = strstr(meminfo, key);
    return at ? strtoull(at + strlen(key), NULL, 10) * 1024 : 0;
}

uint64_t ns_node_room(const struct ns_node *node) {
    char path[96], text[8192];
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/meminfo", node->id);
    if (!read_file(path, text, sizeof text)) return UINT64_MAX; /* a kernel without nodes */
    /* Cache on the reclaim lists: neither shared memory nor what is locked. */
    uint64_t cache = field(text, " Active(file):") + field(text, " Inactive(file):") + field(text, " SReclaimable:");
    /* Dirty cache is not free at once, and llama.cpp still needs room for its own buffers. */
    uint64_t reserve = node->low_watermark + field(text, " MemTotal:") / 32;
    uint64_t room = field(text, " MemFree:") + cache;
    return room > reserve ? room - reserve : 0;
}

/* ---- cgroups ---- */
struct limit_files {
    const char *line, *root, *limit, *used, *cache;
};
static const struct limit_files versions[] = {
    {"\n0::/", "/sys/fs/cgroup", "memory.max", "memory.current", "\nfile "},
    {":memory:/", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "\ntotal_cache "},
};

static bool read_limit(const char *directory, const char *name, uint64_t *out) {
    char path[4300], text[64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (!read_file(path, text, sizeof text) || text[0] < '0' || text[0] > '9') return false; /* "max" */
    *out = strtoull(text, NULL, 10);
    return true;
}

static uint64_t room_in(const char *directory, const struct limit_files *files) {
    char path[4300], text[8192];
    uint64_t limit, used;
    if (!read_limit(directory, files->limit, &limit) || !read_limit(directory, files->used, &used)) return UINT64_MAX;
    snprintf(path, sizeof path, "%s/memory.stat", directory);
    const char *cache = read_file(path, text, sizeof text) ? strstr(text, files->cache) : NULL;
    uint64_t reclaimable = cache ? strtoull(cache + strlen(files->cache), NULL, 10) : 0;
    used = used > reclaimable ? used - reclaimable : 0;
    return limit > used ? limit - used : 0;
}

/* From this process's own group up to the root. */
static uint64_t room_above(char *path, const struct limit_files *files) {
    uint64_t room = UINT64_MAX;
    for (char *slash = path; slash;) {
        char directory[4200];
        snprintf(directory, sizeof directory, "%s%s", files->root, path);
        uint64_t here = room_in(directory, files);
        if (here < room) room = here;
        slash = strrchr(path, '/');
        if (slash) *slash = 0;
    }
    return room;
}

uint64_t ns_cgroup_room(void) {
    char text[4096] = "\n", path[4096];
    uint64_t room = UINT64_MAX;
    if (!read_file("/proc/self/cgroup", text + 1, sizeof text - 1)) return room;
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        const char *at = strstr(text, versions[i].line);
        if (!at) continue;
        at += strlen(versions[i].line) - 1; /* keep the '/' */
        snprintf(path, sizeof path, "%.*s", (int)strcspn(at, "\n"), at);
        uint64_t here = room_above(path, &versions[i]);
        if (here < room) room = here;
    }
    return room;
}

/* ---- spilling ---- */
/* The nearest other node that still has room for a page, -1 when none has. */
static int nearest_with_room(int node, const uint64_t *room) {
    const struct ns_machine *machine = ns_machine();
    const int *distance = machine->nodes[node].distance;
    int best = -1;
    for (int i = 0; i < machine->count; i++) {
        if (!machine->nodes[i].has_memory || room[i] < machine->page_size) continue;
        if (best < 0 || (distance && distance[i] < distance[best])) best = i;
    }
    return best;
}

static bool fits(int node, uint64_t need) {
    static struct known {
        uint64_t room;
        double at;
    } *known;
    if (!known) known = calloc((size_t)ns_machine()->count, sizeof *known);
    if (!need || !known) return !need;
    const double now = ns_now();
    if (known[node].at == 0 || now - known[node].at > NS_FRESH_SECONDS || known[node].room / 4 < need)
        known[node] = (struct known){ns_node_room(&ns_machine()->nodes[node]), now};
    if (known[node].room < need) return false;
    known[node].room -= need;
    return true;
}

bool ns_spill(struct ns_pages *pages) {
    const struct ns_machine *machine = ns_machine();
    uint64_t need[machine->count], room[machine->count], spilled = 0;
    bool enough = true;
    memset(need, 0, sizeof need);
    for (size_t i = 0; i < pages->count; i++) need[pages->want[i]] += machine->page_size;
    for (int i = 0; i < machine->count && enough; i++) enough = fits(i, need[i]);
    if (enough) return true;
    for (int i = 0; i < machine->count; i++) room[i] = ns_node_room(&machine->nodes[i]);
    for (size_t i = 0; i < pages->count; i++) {
        int node = pages->want[i];
        if (room[node] < machine->page_size) {
            node = nearest_with_room(node, room);
            if (node < 0) return false;
            pages->want[i] = node;
            spilled += machine->page_size;
        }
        room[node] -= machine->page_size;
    }
    ns_totals.spilled_bytes += spilled;
    return true;
}
