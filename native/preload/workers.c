// SPDX-License-Identifier: MIT
// The workers of ggml's graphs. Each asks ggml_is_numa() in every graph: that is where we answer true, so
// that ggml cuts by fixed rows, and where a worker goes to the node that holds its rows.
#include "preload.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t graph_count;
static _Atomic int graphs_running;
static struct ns_worker *_Atomic workers;

static _Thread_local struct {
    uint64_t graph; /* the last graph in which this thread was looked at */
    struct ns_worker *worker;
    int pinned; /* node id + 1 */
} self;

static int (*thread_number)(void);
static int (*thread_count)(void);

struct ns_worker *ns_workers(void) { return atomic_load(&workers); }
uint64_t ns_graph_count(void) { return atomic_load(&graph_count); }

static struct ns_worker *new_worker(int index) {
    struct ns_worker *worker = calloc(1, sizeof *worker);
    if (!worker) return NULL;
    worker->index = index;
    worker->tid = (pid_t)syscall(SYS_gettid);
    worker->home = -1;
    worker->next = atomic_load(&workers);
    while (!atomic_compare_exchange_weak(&workers, &worker->next, worker)) {}
    ns_report_changed();
    return worker;
}

static void pin(int index, int count) {
    const struct gns_shares *shares = &ns_config()->shares;
    int home = shares->nodes[gns_home_share(shares, index, count)];
    if (self.pinned == home + 1) return;
    const struct ns_node *node = ns_node_by_id(home);
    if (!node || !node->cpu_count || sched_setaffinity(0, sizeof node->cpus, &node->cpus) != 0) return;
    self.pinned = home + 1;
}

/* Once per thread and graph. */
static void enter_graph(uint64_t graph) {
    self.graph = graph;
    int index = thread_number ? thread_number() : 0;
    int count = thread_count ? thread_count() : 1;
    if (ns_config()->rows) pin(index, count);
    if (!self.worker || self.worker->index != index) self.worker = new_worker(index);
    if (!self.worker) return;
    self.worker->home = self.pinned - 1;
    self.worker->threads = count;
    self.worker->graph = graph;
    int cpu = sched_getcpu();
    if (cpu >= 0 && cpu < (int)(8 * sizeof self.worker->cpus)) self.worker->cpus[cpu / 8] |= (unsigned char)(1 << cpu % 8);
}

/* libllama asks the same question to choose how it reads the file; only ggml-cpu's workers are pinned. */
NS_EXPORT bool ggml_is_numa(void) {
    static bool (*real)(void);
    const struct ns_config *config = ns_config();
    if (config->active && atomic_load_explicit(&graphs_running, memory_order_relaxed) > 0) {
        uint64_t graph = atomic_load_explicit(&graph_count, memory_order_relaxed);
        if (self.graph != graph && ns_in_ggml_cpu(__builtin_return_address(0))) enter_graph(graph);
    }
    if (config->rows) return true;
    if (!real) *(void **)&real = ns_real("ggml_is_numa", __builtin_return_address(0));
    return real && real();
}

/* The head of struct ggml_cplan (ggml-cpu.h). */
struct ns_cplan {
    size_t work_size;
    uint8_t *work_data;
    int n_threads;
};

static void before_graph(int count, void *caller) {
    if (!thread_number) {
        *(void **)&thread_number = ns_real("omp_get_thread_num", caller);
        *(void **)&thread_count = ns_real("omp_get_num_threads", caller);
    }
    if (ns_config()->rows && ns_config()->share_sum == 0 && count != ns_totals.placed_workers) {
        pthread_mutex_lock(&ns_lock);
        ns_place_again(count);
        pthread_mutex_unlock(&ns_lock);
    }
    ns_report_write();
}

NS_EXPORT int ggml_graph_compute(void *graph, struct ns_cplan *plan) {
    static int (*real)(void *, struct ns_cplan *);
    void *caller = __builtin_return_address(0);
    if (!real) *(void **)&real = ns_real("ggml_graph_compute", caller);
    if (!real) return -1; /* GGML_STATUS_FAILED; cannot happen: whoever calls it has it loaded */
    if (!ns_config()->active) return real(graph, plan);
    before_graph(plan->n_threads, caller);
    cpu_set_t mine;
    bool known = sched_getaffinity(0, sizeof mine, &mine) == 0;
    atomic_fetch_add(&graph_count, 1);
    atomic_fetch_add(&graphs_running, 1);
    int status = real(graph, plan);
    atomic_fetch_sub(&graphs_running, 1);
    /* The caller is the program's own thread: it must not stay pinned, nor what it starts. */
    if (self.pinned && known && sched_setaffinity(0, sizeof mine, &mine) == 0) self.pinned = 0;
    ns_report_write();
    return status;
}

/* ggml pins by its own rule, and after every graph sets a mask of size 0; under a rows map both are ours. */
NS_EXPORT int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set) {
    static int (*real)(pthread_t, size_t, const cpu_set_t *);
    if (ns_config()->rows && ns_in_ggml_cpu(__builtin_return_address(0))) return 0;
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "pthread_setaffinity_np");
    return real ? real(thread, size, set) : 38; /* ENOSYS */
}
