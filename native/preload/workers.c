// SPDX-License-Identifier: MIT
// The workers of ggml's graphs. Each asks ggml_is_numa() in every graph: that is where we answer true, so
// that ggml cuts by fixed rows, and where a worker goes to the node that holds its rows.
#include "preload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t graph_count;
static _Atomic int graphs_running; /* under our eyes; 0 where nothing was asked for */
static struct ns_worker *_Atomic workers;

NS_THREAD_LOCAL struct {
    uint64_t graph; /* the last graph in which this thread was looked at */
    struct ns_worker *worker;
    int pinned; /* node id + 1 */
    bool has_mask;
    cpu_set_t mask; /* that the program gave this worker: --cpu-mask and its kin */
} self;

struct ns_worker *ns_workers(void) { return atomic_load(&workers); }
uint64_t ns_graph_count(void) { return atomic_load(&graph_count); }

/* ggml's own threads live for one graph: the record of one that is gone goes to the next of its index. */
static struct ns_worker *take_over(int index, pid_t tid) {
    for (struct ns_worker *worker = ns_workers(); worker; worker = worker->next) {
        pid_t before = worker->index == index ? worker->tid : 0;
        if (before && (before == tid || syscall(SYS_tgkill, getpid(), before, 0) != 0) &&
            atomic_compare_exchange_strong(&worker->tid, &before, tid))
            return worker;
    }
    return NULL;
}

static struct ns_worker *worker_record(int index) {
    const pid_t tid = (pid_t)syscall(SYS_gettid);
    struct ns_worker *worker = take_over(index, tid);
    if (!worker) worker = calloc(1, sizeof *worker);
    if (!worker || worker->tid) return worker;
    worker->index = index;
    worker->tid = tid;
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
    if (!node || !node->cpu_count) return;
    cpu_set_t cpus = node->cpus;
    if (self.has_mask) CPU_AND(&cpus, &cpus, &self.mask);
    if (!CPU_COUNT(&cpus))
        ns_complain("the CPU mask that the program gave worker %d has no CPU of node %d, where its rows are: it stays inside "
                    "that mask and reads them from elsewhere; start llama.cpp under taskset instead", index, home);
    else if (sched_setaffinity(0, sizeof cpus, &cpus) == 0) self.pinned = home + 1;
}

/* Once per thread and graph. */
static void enter_graph(uint64_t graph) {
    const int saved = errno;
    int index, count;
    self.graph = graph;
    if (!ns_worker_position(&index, &count)) return;
    if (ns_config()->rows) pin(index, count);
    if (!self.worker || self.worker->index != index) self.worker = worker_record(index);
    if (self.worker) {
        const int cpu = sched_getcpu(), cpus = (int)(8 * sizeof self.worker->cpus);
        if (self.worker->home != self.pinned - 1) memset((void *)self.worker->cpus, 0, sizeof self.worker->cpus);
        self.worker->home = self.pinned - 1;
        self.worker->threads = count;
        self.worker->graph = graph;
        if (cpu >= 0 && cpu < cpus) self.worker->cpus[cpu / 8] |= (unsigned char)(1 << cpu % 8);
    }
    errno = saved;
}

/* Every worker asks for every operation, so the usual way is short. libllama asks the same to choose how it reads
 * the file; only ggml-cpu's workers are pinned. */
NS_EXPORT bool ggml_is_numa(void) {
    static struct ns_hook hook = {.name = "ggml_is_numa"};
    bool (*real)(void), is_ggml_cpu;
    const bool looked_at = !atomic_load_explicit(&graphs_running, memory_order_relaxed) ||
                           self.graph == atomic_load_explicit(&graph_count, memory_order_relaxed);
    if (looked_at && atomic_load_explicit(&ns_rows, memory_order_relaxed)) return true;
    *(void **)&real = ns_hook_real(&hook, __builtin_return_address(0), &is_ggml_cpu);
    if (!looked_at && is_ggml_cpu) enter_graph(ns_graph_count());
    /* libllama then neither maps the whole file at once nor reads it ahead, all from one thread: we place it. */
    return ns_config()->rows || (ns_places && !is_ggml_cpu) || (real && real());
}

/* The head of struct ggml_cplan (ggml-cpu.h). */
struct ns_cplan {
    size_t work_size;
    uint8_t *work_data;
    int n_threads;
    void *threadpool;
};

static void before_graph(const struct ns_cplan *plan, void *graph_compute) {
    ns_worker_position_init(graph_compute);
    ns_team_set_threads(plan->threadpool, plan->n_threads);
    if (ns_config()->rows && ns_config()->share_sum == 0 && plan->n_threads != ns_totals.placed_workers) {
        pthread_mutex_lock(&ns_lock);
        ns_place_again(plan->n_threads);
        pthread_mutex_unlock(&ns_lock);
    }
    ns_report_write();
}

NS_EXPORT int ggml_graph_compute(void *graph, struct ns_cplan *plan) {
    static struct ns_hook hook = {.name = "ggml_graph_compute"};
    int (*real)(void *, struct ns_cplan *), saved = errno;
    *(void **)&real = ns_hook_real(&hook, __builtin_return_address(0), NULL);
    if (!real) return -1; /* GGML_STATUS_FAILED */
    if (!ns_config()->active || !plan) return real(graph, plan);
    struct ns_team team = {.threads = plan->n_threads};
    cpu_set_t mine;
    const bool known = ns_rows && sched_getaffinity(0, sizeof mine, &mine) == 0;
    before_graph(plan, (void *)real);
    atomic_fetch_add(&graph_count, 1);
    atomic_fetch_add(&graphs_running, 1);
    ns_team_begin(&team);
    errno = saved;
    const int status = real(graph, plan);
    saved = errno;
    ns_team_end(&team);
    atomic_fetch_sub(&graphs_running, 1);
    /* The caller is the program's own thread: it must not stay pinned, nor what it starts. */
    if (self.pinned && known && sched_setaffinity(0, sizeof mine, &mine) == 0) self.pinned = 0;
    ns_report_write();
    errno = saved;
    return status;
}

static int (*real_setaffinity)(pthread_t, size_t, const cpu_set_t *);
__attribute__((constructor)) static void find_setaffinity(void) {
    *(void **)&real_setaffinity = ns_next("pthread_setaffinity_np");
}

/* ggml pins by its own rule, in masks of as many CPUs as it counts, and after every graph sets one of size 0; under a
 * rows map both are ours. A whole cpu_set_t is what the user asked for (ggml_thread_apply_affinity): that stands. */
NS_EXPORT int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set) {
    static struct ns_hook hook = {.name = "pthread_setaffinity_np"};
    bool is_ggml_cpu = false;
    if (ns_rows) ns_hook_real(&hook, __builtin_return_address(0), &is_ggml_cpu);
    const bool is_asked = is_ggml_cpu && size == sizeof *set && CPU_COUNT(set) > 0;
    if (is_ggml_cpu && !is_asked) return 0;
    if (is_asked && pthread_equal(thread, pthread_self())) {
        self.mask = *set;
        self.has_mask = true;
        self.pinned = 0;
    }
    if (!real_setaffinity) find_setaffinity();
    return real_setaffinity ? real_setaffinity(thread, size, set) : ENOSYS;
}
