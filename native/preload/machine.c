// SPDX-License-Identifier: MIT
// The machine as the kernel shows it to this process: nodes, their distances, CPUs inside our own mask.
// Source of truth: sysfs (Documentation/ABI/stable/sysfs-devices-node), /proc/self/status, /proc/zoneinfo.
#include "preload.h"

#include <stdlib.h>
#include <string.h>

#define NS_NODE_DIRECTORY "/sys/devices/system/node"

static struct ns_machine machine;
static pthread_once_t machine_once = PTHREAD_ONCE_INIT;

/* "0-3,8" */
static void set_listed(struct ns_mask *mask, const char *list) {
    for (const char *at = list; *at >= '0' && *at <= '9';) {
        char *end;
        long first = strtol(at, &end, 10), last = first;
        if (*end == '-') last = strtol(end + 1, &end, 10);
        for (long i = first; i <= last && i < NS_MAX_NODES; i++) ns_mask_set(mask, (int)i);
        at = *end == ',' ? end + 1 : end;
    }
}

static void allowed_memory(struct ns_mask *mask) {
    FILE *file = fopen("/proc/self/status", "re");
    char line[8192];
    memset(mask, 0xff, sizeof *mask);
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "Mems_allowed_list:", 18) != 0) continue;
        memset(mask, 0, sizeof *mask);
        set_listed(mask, line + 18 + strspn(line + 18, " \t"));
    }
    if (file) fclose(file);
}

static bool in_mask(const struct ns_mask *mask, int node) {
    const size_t bits = 8 * sizeof(unsigned long);
    return mask->words[(size_t)node / bits] >> ((size_t)node % bits) & 1;
}

/* Sum over a node's zones, in bytes. */
static uint64_t low_watermark(int id) {
    FILE *file = fopen("/proc/zoneinfo", "re");
    char line[256];
    int node = -1;
    uint64_t pages = 0;
    while (file && fgets(line, sizeof line, file)) {
        unsigned long value;
        if (sscanf(line, "Node %d, zone", &node) == 1) continue;
        if (node == id && sscanf(line, " low %lu", &value) == 1) pages += value;
    }
    if (file) fclose(file);
    return pages * machine.page_size;
}

static void add_node(int id, const cpu_set_t *mine, bool has_memory) {
    struct ns_node node = {.id = id, .has_memory = has_memory, .low_watermark = low_watermark(id)};
    struct gns_nodes cpus;
    gns_node_cpus(&cpus, id, NULL);
    for (int i = 0; i < cpus.count; i++)
        if (cpus.ids[i] < CPU_SETSIZE && CPU_ISSET(cpus.ids[i], mine)) CPU_SET(cpus.ids[i], &node.cpus);
    gns_nodes_free(&cpus);
    node.cpu_count = CPU_COUNT(&node.cpus);
    struct ns_node *grown = realloc(machine.nodes, ((size_t)machine.count + 1) * sizeof *grown);
    if (!grown) return;
    machine.nodes = grown;
    machine.nodes[machine.count++] = node;
}

/* Columns of a distance file follow the online nodes in order, not their ids: as ours do. */
static void read_distances(struct ns_node *node) {
    char path[96], text[8192] = "", *at = text;
    node->distance = calloc((size_t)machine.count, sizeof *node->distance);
    if (!node->distance) return;
    snprintf(path, sizeof path, NS_NODE_DIRECTORY "/node%d/distance", node->id);
    FILE *file = fopen(path, "re");
    if (file && !fgets(text, sizeof text, file)) text[0] = 0;
    if (file) fclose(file);
    for (int i = 0; i < machine.count; i++) {
        char *end;
        long distance = strtol(at, &end, 10);
        node->distance[i] = end == at ? 255 : (int)distance;
        at = end;
    }
}

static void list_nodes(struct gns_nodes *out, bool need_cpus) {
    out->ids = calloc((size_t)machine.count + 1, sizeof *out->ids);
    for (int i = 0; out->ids && i < machine.count; i++)
        if (machine.nodes[i].has_memory && (!need_cpus || machine.nodes[i].cpu_count))
            out->ids[out->count++] = machine.nodes[i].id;
}

static void read_machine(void) {
    cpu_set_t mine;
    struct ns_mask allowed, policy = {{0}};
    struct gns_nodes memory, usable;
    int mode;
    /* A kernel for more CPUs than a cpu_set_t holds refuses: then all that it holds. */
    if (sched_getaffinity(0, sizeof mine, &mine) != 0) memset(&mine, 0xff, sizeof mine);
    allowed_memory(&allowed);
    gns_nodes_read(&memory, &usable, NULL);
    machine.page_size = (size_t)sysconf(_SC_PAGESIZE);
    for (int id = 0; id < NS_MAX_NODES; id++) { /* kernels without node/online exist; directories lie on none */
        char path[64];
        snprintf(path, sizeof path, NS_NODE_DIRECTORY "/node%d", id);
        if (access(path, F_OK) == 0) add_node(id, &mine, in_mask(&allowed, id) && gns_nodes_index(&memory, id) >= 0);
    }
    if (!machine.count) add_node(0, &mine, true);
    gns_nodes_free(&memory);
    gns_nodes_free(&usable);
    for (int i = 0; i < machine.count; i++) read_distances(&machine.nodes[i]);
    list_nodes(&machine.with_memory, false);
    list_nodes(&machine.usable, true);
    machine.policy_allowed = ns_get_mempolicy(&mode, &policy) == 0;
    machine.can_populate = syscall(SYS_madvise, 0L, 0L, NS_MADV_POPULATE_WRITE) == 0; /* of nothing: is it known? */
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
