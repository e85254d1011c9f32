// SPDX-License-Identifier: MIT
// The machine as the kernel shows it to this process: nodes, CPUs inside our own mask, room left.
// Source of truth: sysfs (Documentation/ABI/stable/sysfs-devices-node), /proc/zoneinfo, cgroup v2.
#include "preload.h"

#include <stdlib.h>
#include <string.h>

static struct ns_machine machine;
static pthread_once_t machine_once = PTHREAD_ONCE_INIT;

static bool read_file(const char *path, char *buffer, size_t size) {
    FILE *file = fopen(path, "re");
    if (!file) return false;
    size_t length = fread(buffer, 1, size - 1, file);
    fclose(file);
    buffer[length] = 0;
    return length > 0;
}

/* "0-3,8" → calls set for each number below limit. */
static void each_in_list(const char *list, int limit, void (*set)(void *, int), void *context) {
    for (const char *at = list; *at >= '0' && *at <= '9';) {
        char *end;
        long first = strtol(at, &end, 10), last = first;
        if (*end == '-') last = strtol(end + 1, &end, 10);
        for (long i = first; i <= last && i < limit; i++) set(context, (int)i);
        at = *end == ',' ? end + 1 : end;
    }
}

static void set_cpu(void *context, int cpu) { CPU_SET(cpu, (cpu_set_t *)context); }
static void set_bit(void *context, int node) { ns_mask_set(context, node); }

static void allowed_memory(struct ns_mask *mask) {
    FILE *file = fopen("/proc/self/status", "re");
    char line[8192];
    memset(mask, 0xff, sizeof *mask);
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "Mems_allowed_list:", 18) != 0) continue;
        memset(mask, 0, sizeof *mask);
        each_in_list(line + 18 + strspn(line + 18, " \t"), NS_MAX_NODES, set_bit, mask);
    }
    if (file) fclose(file);
}

static bool in_mask(const struct ns_mask *mask, int node) {
    size_t bits = 8 * sizeof(unsigned long);
    return mask->words[(size_t)node / bits] >> ((size_t)node % bits) & 1;
}

static uint64_t node_meminfo(int id, const char *key) {
    char path[96], buffer[8192], needle[64];
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/meminfo", id);
    if (!read_file(path, buffer, sizeof buffer)) return 0;
    snprintf(needle, sizeof needle, " %s:", key);
    const char *at = strstr(buffer, needle);
    return at ? strtoull(at + strlen(needle), NULL, 10) * 1024 : 0;
}

static void add_node(int id, const cpu_set_t *mine, const struct ns_mask *memory) {
    char path[96], list[16384];
    struct ns_node node = {.id = id};
    CPU_ZERO(&node.cpus);
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", id);
    if (read_file(path, list, sizeof list)) each_in_list(list, CPU_SETSIZE, set_cpu, &node.cpus);
    CPU_AND(&node.cpus, &node.cpus, mine);
    node.cpu_count = CPU_COUNT(&node.cpus);
    node.has_memory = in_mask(memory, id) && node_meminfo(id, "MemTotal") > 0;
    struct ns_node *grown = realloc(machine.nodes, ((size_t)machine.count + 1) * sizeof *grown);
    if (!grown) return;
    machine.nodes = grown;
    machine.nodes[machine.count++] = node;
}

static void single_node(const cpu_set_t *mine) {
    machine.nodes = calloc(1, sizeof *machine.nodes);
    if (!machine.nodes) return;
    machine.nodes[0] = (struct ns_node){.id = 0, .has_memory = true, .cpus = *mine, .cpu_count = CPU_COUNT(mine)};
    machine.count = 1;
}

static void list_nodes(struct gns_nodes *out, bool need_cpus) {
    out->ids = calloc((size_t)machine.count + 1, sizeof *out->ids);
    for (int i = 0; out->ids && i < machine.count; i++)
        if (machine.nodes[i].has_memory && (!need_cpus || machine.nodes[i].cpu_count))
            out->ids[out->count++] = machine.nodes[i].id;
}

struct node_reader {
    const cpu_set_t *mine;
    const struct ns_mask *memory;
};
static void add_listed_node(void *context, int id) {
    struct node_reader *reader = context;
    add_node(id, reader->mine, reader->memory);
}

static void read_machine(void) {
    char list[4096];
    cpu_set_t mine;
    struct ns_mask memory;
    CPU_ZERO(&mine);
    sched_getaffinity(0, sizeof mine, &mine);
    allowed_memory(&memory);
    machine.page_size = (size_t)sysconf(_SC_PAGESIZE);
    struct node_reader reader = {&mine, &memory};
    if (read_file("/sys/devices/system/node/online", list, sizeof list))
        each_in_list(list, NS_MAX_NODES, add_listed_node, &reader);
    if (!machine.count) single_node(&mine);
    list_nodes(&machine.with_memory, false);
    list_nodes(&machine.usable, true);
    int mode;
    struct ns_mask policy = {{0}};
    machine.policy_allowed = ns_get_mempolicy(&mode, &policy) == 0;
}

const struct ns_machine *ns_machine(void) {
    pthread_once(&machine_once, read_machine);
    return &machine;
}

int ns_node_index(int id) {
    for (int i = 0; i < ns_machine()->count; i++)
        if (machine.nodes[i].id == id) return i;
    return -1;
}

const struct ns_node *ns_node_by_id(int id) {
    int index = ns_node_index(id);
    return index < 0 ? NULL : &machine.nodes[index];
}

int ns_node_distance(int from, int to) {
    char path[96], list[8192];
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/distance", from);
    if (!read_file(path, list, sizeof list)) return from == to ? 10 : 20;
    char *at = list;
    for (int i = 0; i < machine.count; i++) { /* columns follow the online nodes, not their ids */
        long distance = strtol(at, &at, 10);
        if (machine.nodes[i].id == to) return (int)distance;
    }
    return 255;
}

/* Sum of the low watermarks of a node's zones, in pages: below it the kernel starts to reclaim. */
static uint64_t low_watermark_pages(int id) {
    FILE *file = fopen("/proc/zoneinfo", "re");
    char line[256];
    int node = -1;
    uint64_t pages = 0, value;
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "Node %d, zone", &node) == 1) continue;
        if (node == id && sscanf(line, " low %lu", &value) == 1) pages += value;
    }
    if (file) fclose(file);
    return pages;
}

uint64_t ns_node_room(int id) {
    uint64_t cache = node_meminfo(id, "FilePages"), shared = node_meminfo(id, "Shmem");
    uint64_t room = node_meminfo(id, "MemFree") + (cache > shared ? cache - shared : 0) + node_meminfo(id, "SReclaimable");
    /* Dirty and mapped cache is not free at once, and llama.cpp still needs room for its own buffers. */
    uint64_t reserve = low_watermark_pages(id) * machine.page_size + node_meminfo(id, "MemTotal") / 32;
    return room > reserve ? room - reserve : 0;
}

static uint64_t read_number(const char *directory, const char *name, uint64_t missing) {
    char path[4300], text[64];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (!read_file(path, text, sizeof text) || strncmp(text, "max", 3) == 0) return missing;
    return strtoull(text, NULL, 10);
}

static uint64_t cgroup_cache(const char *directory) {
    char path[4300], text[8192];
    snprintf(path, sizeof path, "%s/memory.stat", directory);
    if (!read_file(path, text, sizeof text)) return 0;
    const char *at = strstr(text, "\nfile ");
    return at ? strtoull(at + 6, NULL, 10) : 0;
}

uint64_t ns_cgroup_room(void) {
    char text[4096], directory[4200];
    uint64_t room = UINT64_MAX;
    if (!read_file("/proc/self/cgroup", text, sizeof text)) return room;
    char *path = strstr(text, "0::/");
    if (!path) return room;
    path += 3;
    path[strcspn(path, "\n")] = 0;
    for (;;) {
        snprintf(directory, sizeof directory, "/sys/fs/cgroup%s", path);
        uint64_t limit = read_number(directory, "memory.max", UINT64_MAX);
        if (limit != UINT64_MAX) {
            uint64_t used = read_number(directory, "memory.current", 0), cache = cgroup_cache(directory);
            used = used > cache ? used - cache : 0;
            uint64_t left = limit > used ? limit - used : 0;
            if (left < room) room = left;
        }
        char *slash = strrchr(path, '/');
        if (!slash || !*path) return room;
        *slash = 0;
    }
}
