/* SPDX-License-Identifier: MIT */
/* What the parts of libnumashard.so share. The library lives inside llama.cpp's process: it never aborts
 * it, never exits it, and prints at most one line there. */
#ifndef NUMASHARD_PRELOAD_H
#define NUMASHARD_PRELOAD_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../include/ggml-numa-shard.h"
#include "syscalls.h"

#define NS_EXPORT __attribute__((visibility("default")))

/* ggml_backend_buffer_usage of ggml-backend.h. */
#define NS_USAGE_COMPUTE 2

/* The fields of struct ggml_tensor that we read; in this place since ggml has buffers (ggml.h, 2023). */
struct ns_tensor_view {
    int32_t type;
    void *buffer;
    int64_t ne[4];
};

/* ---- config.c: what was asked for ---- */
struct ns_config {
    bool active;  /* GGML_NUMA_SHARD_MAP is set and means something here */
    bool observe; /* announce and report, change nothing */
    bool rows;    /* the map has a rows target: we answer ggml_is_numa() and pin */
    struct gns_map map;
    struct gns_shares shares;
    int share_sum; /* workers that the shares were written for; 0: equal shares, assumed */
    char map_text[4096];
};
const struct ns_config *ns_config(void);
/* The one line this process may print, and only when something was asked for and not done. */
void ns_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ns_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- machine.c: nodes, their CPUs, their room ---- */
struct ns_node {
    int id;
    bool has_memory;
    cpu_set_t cpus; /* online and inside the mask this process was started with */
    int cpu_count;
};
struct ns_machine {
    struct ns_node *nodes;
    int count;
    struct gns_nodes with_memory;
    struct gns_nodes usable; /* CPUs and memory that this process may use */
    size_t page_size;
    bool policy_allowed; /* set_mempolicy is not refused (containers) */
};
const struct ns_machine *ns_machine(void);
const struct ns_node *ns_node_by_id(int id);
/* Bytes that can be taken on a node before the kernel would have to do more than drop clean cache. */
uint64_t ns_node_room(int id);
/* The same for every cgroup above this process; UINT64_MAX where nothing limits. */
uint64_t ns_cgroup_room(void);
int ns_node_distance(int from, int to);

/* ---- symbols.c: the real functions ---- */
void *ns_real(const char *name, void *caller);
bool ns_in_ggml_cpu(void *address);

/* ---- mappings.c: model files as llama.cpp mapped them ---- */
struct ns_mapping {
    uintptr_t start, end;
    uint64_t file_offset; /* of start */
    char path[4096];
};
/* The read-only shared file mapping around an address, NULL when it is not one. Valid until munmap. */
const struct ns_mapping *ns_mapping_at(uintptr_t address);
void ns_mappings_forget(uintptr_t start, uintptr_t end);
int ns_mapping_open(const struct ns_mapping *mapping);

/* ---- registry.c: what ggml announced ---- */
enum ns_kind { NS_WEIGHT, NS_OTHER };
struct ns_tensor {
    char name[128];
    char buffer[32];
    enum ns_kind kind;
    bool mapped;    /* inside a file mapping */
    bool overlaid;  /* its pages are private memory of ours */
    bool on_host;
    bool repacked;
    int type;
    int64_t ne[4];
    uintptr_t address;
    uint64_t byte_length;
    uint64_t file_offset; /* where mapped */
    const char *file;     /* interned */
    int layer;
    enum gns_role role;
    const struct gns_rule *rule;
    struct gns_shape shape;
    /* Bytes by node as the kernel said right after placing; index = position in ns_machine()->nodes. */
    uint64_t *node_bytes;
    uint64_t misplaced, absent, unknown;
};
extern pthread_mutex_t ns_lock; /* guards the registry, the mappings and the page tally */
struct ns_tensor *ns_registry_add(const struct ns_tensor *tensor);
void ns_registry_remove(uintptr_t start, uintptr_t end);
struct ns_tensor *ns_registry_at(size_t index);
size_t ns_registry_count(void);
const char *ns_intern(const char *text);

/* ---- tally.c: pages that several tensors share ---- */
/* Adds a tensor's bytes by node (index in ns_machine()->nodes) to a page; returns the index with most. */
int ns_tally_add(uintptr_t page, const uint32_t *bytes, bool *was_known);
void ns_tally_forget(uintptr_t start, uintptr_t end);

/* ---- place.c, fill.c ---- */
struct ns_pages {
    uintptr_t first; /* address of the first page */
    size_t count;
    int *want;       /* node index per page */
    bool skip_first, skip_last; /* already private memory, filled: move only */
};
struct ns_source {
    int fd; /* -1: touch instead of read */
    uint64_t file_offset; /* of pages->first */
};
void ns_place(struct ns_tensor *tensor);
/* Moves what another number of workers reads elsewhere; once. */
void ns_place_again(int workers);
int ns_fill(const struct ns_pages *pages, const struct ns_source *source);
void ns_fix(const struct ns_pages *pages, int *found, uint64_t *moved);
int ns_node_index(int id);

/* ---- workers.c ---- */
struct ns_worker {
    struct ns_worker *next;
    int index;
    int threads;
    pid_t tid;
    int home; /* node id, -1 not pinned */
    uint64_t graph; /* the last in which it was seen */
    unsigned char cpus[512]; /* bit per CPU it was seen on at the start of a graph */
};
struct ns_worker *ns_workers(void);
uint64_t ns_graph_count(void);

/* ---- report.c, gate.c ---- */
struct ns_totals {
    uint64_t moved_pages;
    double seconds;
    int placed_workers; /* number of workers that the placement in force was made for; 0 assumed */
    bool moved_for_workers;
    bool overlay_refused;
    uint64_t spilled_bytes;
    uint64_t refused_bytes;
};
extern struct ns_totals ns_totals;
void ns_report_changed(void);
void ns_report_write(void);
void ns_report_remove(void);
void ns_gate_wait(void);

#endif
