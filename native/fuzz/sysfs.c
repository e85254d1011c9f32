// SPDX-License-Identifier: MIT
// The machine as sysfs and proc tell it to the preload library and to the page helper: nodes, CPUs, distances,
// room on nodes and in cgroups. Input: files, see kernel-files.h.
#include "kernel-files.h"

#include "../pages/room.c"
#include "../preload/preload.h"
/* Folders of 1,024 nodes would be asked for at every input, which is what it would then do most of the time. */
#undef NS_MAX_NODES
#define NS_MAX_NODES 64
#include "../preload/machine.c"
#include "../preload/room.c"

/* What room.c and machine.c need of the rest of the library, which does not run here. */
struct ns_totals ns_totals;

/* Hours pass between two questions: what was once read is never taken for what is. */
double ns_now(void) {
    static double now;
    return now += 3600;
}

static void forget_machine(void) {
    for (int i = 0; i < machine.count; i++) free(machine.nodes[i].distance);
    free(machine.nodes);
    gns_nodes_free(&machine.with_memory);
    gns_nodes_free(&machine.usable);
    memset(&machine, 0, sizeof machine);
}

static void check_nodes(const struct gns_nodes *nodes) {
    for (int i = 0; i < nodes->count; i++) {
        FUZZ_CHECK(nodes->ids[i] >= 0 && nodes->ids[i] < GNS_MAX_NODES);
        FUZZ_CHECK(i == 0 || nodes->ids[i] > nodes->ids[i - 1]);
    }
}

static void check_machine(void) {
    FUZZ_CHECK(machine.count >= 1 && machine.count <= NS_MAX_NODES);
    check_nodes(&machine.with_memory);
    check_nodes(&machine.usable);
    for (int i = 0; i < machine.usable.count; i++)
        FUZZ_CHECK(gns_nodes_index(&machine.with_memory, machine.usable.ids[i]) >= 0);
    for (int i = 0; i < machine.count; i++) {
        const struct ns_node *node = &machine.nodes[i];
        FUZZ_CHECK(node->cpu_count == CPU_COUNT(&node->cpus) && node->distance != NULL);
        FUZZ_CHECK(i == 0 || node->id > machine.nodes[i - 1].id);
        FUZZ_CHECK(ns_node_by_id(node->id) == node);
        ns_node_room(node);
        room_on(node->id);
    }
}

/* Pages that want nodes in turn: whatever the figures say, they end on nodes that there are. */
static void check_spill(void) {
    int want[64];
    struct ns_pages pages = {.count = 64, .want = want};
    for (int i = 0; i < 64; i++) want[i] = i % machine.count;
    ns_spill(&pages);
    for (int i = 0; i < 64; i++) FUZZ_CHECK(want[i] >= 0 && want[i] < machine.count);
}

/* A process sees one machine, and keeps tables of its nodes: the first one here has as many as any after it. */
static void meet_largest(void) {
    static char text[NS_MAX_NODES * 64];
    static bool is_met;
    if (is_met) return;
    for (int id = 0, used = 0; id < NS_MAX_NODES; id++)
        used += snprintf(text + used, sizeof text - (size_t)used, NS_NODE_DIRECTORY "/node%d/cpulist\n0\x1e", id);
    fuzz_set_files((const uint8_t *)text, strlen(text));
    ns_machine(); /* its pthread_once is over after the first call */
    check_spill();
    is_met = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gns_nodes memory, usable;
    meet_largest();
    forget_machine();
    fuzz_set_files(data, size);
    FUZZ_CHECK(gns_nodes_read(&memory, &usable, NULL) == 0);
    check_nodes(&memory);
    check_nodes(&usable);
    FUZZ_CHECK(memory.count >= 1);
    gns_nodes_free(&memory);
    gns_nodes_free(&usable);
    read_machine();
    check_machine();
    check_spill();
    ns_cgroup_room();
    return 0;
}
