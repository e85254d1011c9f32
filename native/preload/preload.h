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

#include "../cache/cache.h"
#include "../include/ggml-numa-shard.h"
#include "../include/syscalls.h"

#define NS_EXPORT __attribute__((visibility("default")))
/* We are loaded at start, so our thread locals may lie in the static block: no allocation at first use. */
#define NS_THREAD_LOCAL static _Thread_local __attribute__((tls_model("initial-exec")))

/* ---- config.c: what was asked for ---- */
enum ns_residency { NS_RESIDENCY_UNSET, NS_PAGE_CACHE, NS_PRIVATE };
struct ns_config {
    bool active;  /* GGML_NUMA_SHARD_MAP is set and means something here */
    bool observe; /* announce and report, change nothing */
    bool rows;    /* the map has a rows target: we answer ggml_is_numa() and pin */
    struct gns_map map;
    struct gns_shares shares;
    int share_sum; /* workers that the shares were written for; 0: equal shares, assumed */
    enum ns_residency residency; /* of mapped weights; unset: residency.c chooses */
    const char *map_text;
};
/* Read once, when ggml first shows itself. */
const struct ns_config *ns_config(void);
/* Whether the map has rows, and whether it places at all; false until it is read: what a process without ggml sees. */
extern _Atomic bool ns_rows, ns_places;
struct ns_tensor;
/* The rule that wins a weight, which the map's warnings then know. Under ns_lock. */
const struct gns_rule *ns_config_rule(const struct ns_tensor *tensor);
/* The one line this process may print, and only when something was asked for and not done. */
void ns_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- machine.c, room.c: nodes, their CPUs, their room ---- */
struct ns_node {
    int id;
    bool has_memory; /* that this process may use */
    cpu_set_t cpus;  /* online and inside the mask this process was started with */
    int cpu_count;
    int *distance; /* to ns_machine()->nodes[i] */
    uint64_t low_watermark; /* bytes below which the kernel reclaims */
};
struct ns_machine {
    struct ns_node *nodes; /* online ones, ascending by id */
    int count;
    struct gns_nodes with_memory;
    struct gns_nodes usable; /* CPUs and memory that this process may use */
    size_t page_size;
    bool policy_allowed; /* set_mempolicy is not refused (containers) */
    bool can_populate;   /* MADV_POPULATE_WRITE, Linux 5.14 */
};
const struct ns_machine *ns_machine(void);
const struct ns_node *ns_node_by_id(int id);
int ns_node_index(int id); /* in ns_machine()->nodes, -1 unknown */
/* Bytes that can be taken on a node before the kernel would have to do more than drop clean cache. */
uint64_t ns_node_room(const struct ns_node *node);
/* Asking for every tensor anew would cost more than placing a small one: for this long what is known of a node or cgroup
 * and what was taken since will do, unless it is getting close. */
#define NS_FRESH_SECONDS 0.1
/* What llama.cpp needs beside its weights before a cgroup counts as full. */
#define NS_CGROUP_RESERVE (64u << 20)
/* The same for every cgroup above this process; UINT64_MAX where nothing limits. */
uint64_t ns_cgroup_room(void);

/* ---- symbols.c: the real functions, and who calls us ---- */
struct ns_hook {
    const char *name;
    /* Per calling object: a process may hold two copies of ggml, and each must reach its own. */
    struct ns_caller {
        _Atomic uintptr_t start, end;
        void *real;
        bool is_ggml_cpu;
    } callers[16];
    _Atomic int count;
};
/* The real function for the caller at this return address; NULL cannot happen where the caller linked it. */
void *ns_hook_real(struct ns_hook *hook, void *return_address, bool *is_ggml_cpu);
/* The next one after ours: for functions of libc, of which there is one. */
void *ns_next(const char *name);
/* What the name means to the object that holds `address`, its dependencies included. */
void *ns_symbol_of(void *address, const char *name);
bool ns_same_object(void *one, void *other);

/* ---- ggml.c: what we ask ggml-base ---- */
/* The fields of struct ggml_tensor that we read; in this place since ggml has buffers (ggml.h, 2023). */
struct ns_tensor_view {
    int32_t type;
    void *buffer;
    int64_t ne[4];
};
struct ns_ggml {
    int (*usage)(void *buffer);
    bool (*is_host)(void *buffer);
    void *(*buffer_type)(void *buffer);
    const char *(*type_name)(void *buffer_type);
    size_t (*alloc_size)(void *buffer, const void *tensor);
    size_t (*row_size)(int type, int64_t elements);
    const char *(*tensor_name)(const void *tensor);
    void *(*base)(void *buffer);
    size_t (*size)(void *buffer);
    const char *version; /* NULL unknown */
};
/* NULL when numashard is not active, or not for the copy of ggml that `function` belongs to. */
const struct ns_ggml *ns_ggml(void *function);
const char *ns_ggml_version(void);
/* Repacked buffers say they are no host buffers (their layout is their own), yet lie in this memory. */
bool ns_is_processor_type(const char *type_name);

/* ---- mappings.c: model files as llama.cpp mapped them ---- */
struct ns_mapping {
    _Atomic uintptr_t start, end; /* end 0: a free slot */
    uint64_t file_offset;         /* of start */
    const char *path;             /* interned */
    dev_t device;                 /* as fstat(2) says */
    ino_t inode;
    bool is_hidden;   /* mincore(2) does not tell: another's file, and not ours to write */
    bool has_private; /* private memory lies over part of it */
    enum ns_residency residency; /* unset until a weight in it decides */
    bool is_held;     /* its lock was waited for in vain: not again */
    int error; /* 0: the file behind the path is the mapped one; else why not, ESTALE: it is another */
};
/* The read-only shared file mapping around an address, NULL when it is not one. Under ns_lock, as is its use. */
struct ns_mapping *ns_mapping_at(uintptr_t address);
/* Opens the very file that is mapped; -1 with errno (ESTALE: another one, or too short for `end`). */
int ns_mapping_open(const struct ns_mapping *mapping, uint64_t end);
/* Whether the model has no output matrix of its own: then the embedding is cut like one. */
bool ns_mapping_is_tied(const struct ns_mapping *mapping, uint64_t header_length);

/* encoder.c: by the architecture in the first bytes of a GGUF. */
bool ns_header_is_encoder(const char *header, size_t length);

/* split.c: of a file that is no part of a split model, false. */
bool ns_split_has_tensor(const char *path, const char *name);

/* ---- vma.c: /proc/self/maps ---- */
struct ns_vma {
    uintptr_t start, end;
    uint64_t file_offset;
    char permissions[5];
    char device[16]; /* as the kernel prints it, which is not always what stat(2) says (btrfs, overlayfs) */
    uint64_t inode;
    char path[4096];
};
bool ns_vma_at(uintptr_t address, struct ns_vma *out);

/* ---- models.c: which model a weight belongs to; under ns_lock ---- */
int ns_model_id(void);            /* of the model that this thread loads */
const char *ns_model_path(void); /* its first file; "" unknown */

/* ---- registry.c: what ggml announced; all under ns_lock ---- */
enum ns_kind { NS_WEIGHT, NS_OTHER };
struct ns_tensor {
    char name[128];
    char buffer[32];
    void *handle; /* ggml's buffer */
    enum ns_kind kind;
    bool mapped;    /* inside a file mapping */
    bool is_part;   /* of a KV buffer that is listed as a whole, too */
    bool overlaid;  /* its pages are private memory of ours */
    bool placed;    /* its pages were put where the map wants them */
    bool on_host;
    bool ours; /* to place: image encoders and adapters are only where a rule names them */
    bool repacked;
    int type;
    int64_t ne[4];
    uintptr_t address;
    uint64_t byte_length;
    uint64_t file_offset; /* where mapped */
    const char *file;     /* interned: what is mapped, else the first of its model's files */
    int model;
    int layer;
    enum gns_role role;
    const struct gns_rule *rule;
    struct gns_shape shape;
    int huge_runs; /* advised ranges, each of which may split a mapping */
    /* Bytes by node as the kernel said right after placing; index = position in ns_machine()->nodes. */
    uint64_t *node_bytes;
    uint64_t misplaced, absent, unknown;
};
extern pthread_mutex_t ns_lock; /* guards the registry, the mappings, the totals and the page tally */
struct ns_tensor *ns_registry_add(const struct ns_tensor *tensor);
struct ns_tensor *ns_registry_find(const char *name, uintptr_t address);
struct ns_tensor *ns_registry_at(size_t index);
size_t ns_registry_count(void);
bool ns_registry_has_weights(void *handle, uintptr_t start, uintptr_t end); /* either: in the buffer, or inside */
/* What was announced in a buffer is gone; true when some of it lay in memory that has a policy of ours. */
bool ns_registry_remove_buffer(void *handle);
void ns_registry_remove_range(uintptr_t start, uintptr_t end);
const char *ns_intern(const char *text);

/* ---- tally.c: pages that several tensors share; under ns_lock ---- */
/* Adds a tensor's bytes by node (index in ns_machine()->nodes) to a page; returns the index with most. */
int ns_tally_add(uintptr_t page, const uint32_t *bytes);
/* Whether no further tensor can change which node has most of a page. */
bool ns_tally_is_settled(uintptr_t page);
/* A private page holds the whole page of the file already. */
void ns_tally_set_private(uintptr_t page);
bool ns_tally_is_private(uintptr_t page);
void ns_tally_forget(uintptr_t start, uintptr_t end);
void ns_tally_restart(void); /* bytes to zero; what is private stays so */

/* ---- pages.c: which page belongs to which node ---- */
struct ns_pages {
    uintptr_t first; /* address of the first page */
    size_t count;
    int *want; /* node index per page */
};
/* Allocates pages->want; false: no memory. `workers` 0: unknown. */
bool ns_pages_plan(const struct ns_tensor *tensor, int workers, struct ns_pages *pages);
/* As gns_ranges() for this tensor. */
void ns_ranges_of(const struct ns_tensor *tensor, int workers, gns_emit emit, void *context);
/* Asks the kernel for the node id of every page; a negative errno where it does not say. */
void ns_pages_locate(const struct ns_pages *pages, int *found);
/* Moves once what is elsewhere than wanted; returns the pages moved. */
uint64_t ns_pages_move(const struct ns_pages *pages, int *found);

/* ---- readers.c, fill.c: threads on nodes, and private pages filled by them ---- */
cache_run ns_run_chunks;
/* 0 or errno. `cached`: pages that were in the page cache before; NULL: not known. */
int ns_pages_read(const struct ns_pages *pages, int fd, uint64_t file_offset, const unsigned char *cached);
int ns_pages_touch(const struct ns_pages *pages);

/* ---- residency.c, overlay.c, cached.c: mapped weights ---- */
/* What holds for a mapped tensor; decides for its mapping where nothing was asked for. */
enum ns_residency ns_residency_of(const struct ns_tensor *tensor, const struct ns_pages *pages);
/* 0, or errno where private memory is refused: the file mapping is there as before. */
int ns_overlay(struct ns_tensor *tensor, const struct ns_pages *pages);
void ns_advise_huge(struct ns_tensor *tensor, const struct ns_pages *pages);
/* Puts the file's own cached pages where they are wanted; found[]: as ns_pages_locate(). False: refused, and said. */
bool ns_cached_put(struct ns_tensor *tensor, const struct ns_pages *pages, int *found);
bool ns_cached_is_right(const struct ns_tensor *tensor, const struct ns_pages *pages);
/* What a cached placement works on; false with errno. To be closed in any case. */
struct ns_cached {
    struct ns_mapping *mapping;
    int *ids;
    struct cache_place place;
};
bool ns_cached_open(const struct ns_tensor *tensor, const struct ns_pages *pages, struct ns_cached *cached);
void ns_cached_close(struct ns_cached *cached);

/* ---- room.c, place.c ---- */
/* Sends what a node cannot hold to the nearest that can. False: it fits nowhere. */
bool ns_spill(struct ns_pages *pages);
void ns_place(struct ns_tensor *tensor);
double ns_now(void); /* seconds of a monotonic clock */
/* Moves what another number of workers reads elsewhere; once. */
void ns_place_again(int workers);

/* ---- last-look.c: buffers that were freed before anybody could ask where they were ---- */
/* To be called with ns_lock held, before the buffer goes. */
void ns_last_look(const void *handle);
/* The sum of the last buffers of a name (0 KV, 1 compute), address 0; NULL: none, or such a buffer lives. */
const struct ns_tensor *ns_last_look_at(size_t index);

/* ---- workers.c, threads.c ---- */
struct ns_worker {
    struct ns_worker *next;
    int index;
    _Atomic int threads;
    _Atomic pid_t tid;
    _Atomic int home;       /* node id, -1 not pinned */
    _Atomic uint64_t graph; /* the last in which it was seen */
    _Atomic unsigned char cpus[512]; /* bit per CPU it was seen on at the start of a graph */
};
struct ns_worker *ns_workers(void);
uint64_t ns_graph_count(void);
/* Threads that ggml creates between begin and end on this thread are workers 1, 2, … of the team. */
struct ns_team {
    void *pool; /* of ggml; NULL: it lives for one graph */
    _Atomic int threads;
    int created;
    struct ns_team *outer;
    struct ns_team *next;
};
void ns_team_begin(struct ns_team *team);
void ns_team_end(struct ns_team *team);
void ns_team_set_threads(const void *pool, int threads);
/* Index of the worker that asks, and the number of workers; false where nobody knows. */
bool ns_worker_position(int *index, int *count);
void ns_worker_position_init(void *graph_compute);

/* ---- report.c, report-file.c, gate.c ---- */
struct ns_totals {
    uint64_t moved_pages;
    uint64_t read_pages; /* into the page cache */
    uint64_t kept_pages; /* that another process maps */
    const char *residency_reason; /* of the last mapping that was decided about */
    double seconds;
    _Atomic int placed_workers; /* number of workers that the placement in force was made for; 0 assumed */
    bool was_recut;             /* ns_place_again has run */
    uint64_t recut_pages;       /* that it moved */
    uint64_t spilled_bytes;
    uint64_t refused_bytes;
    uint64_t cached_bytes; /* for which private memory was refused: placed in the page cache */
    int huge_runs;
};
extern struct ns_totals ns_totals;
void ns_report_changed(void);
void ns_report_write(void);
void ns_report_remove(void);
void ns_report_print(FILE *out);
/* `run --verify` looks once more before weights of this buffer, or in this range, go. */
void ns_gate_wait_for(void *handle, uintptr_t start, uintptr_t end);

/* ---- start-time.c ---- */
uint64_t ns_start_ticks(void); /* 0: not told */

#endif
