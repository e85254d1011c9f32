// SPDX-License-Identifier: MIT
// Which worker a thread of ggml is. OpenMP builds know it (omp_get_thread_num). ggml's own threads are created
// in order, worker 1 first, by the thread that starts a graph or a pool (ggml_threadpool_new_impl), which itself
// is worker 0: so they are counted as they are created.
#include "preload.h"

#include <errno.h>
#include <stdlib.h>

NS_THREAD_LOCAL struct ns_team *creating; /* what this thread creates threads for; innermost */
NS_THREAD_LOCAL struct ns_team *member;   /* what this thread was created for */
NS_THREAD_LOCAL int member_index;

static int (*_Atomic omp_index)(void);
static int (*_Atomic omp_count)(void);

/* By ggml's handle. */
static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ns_team *pools;

void ns_worker_position_init(void *graph_compute) {
    static _Atomic bool done;
    if (atomic_load(&done)) return;
    int (*index)(void), (*count)(void);
    /* Of that object and what it needs: an OpenMP that only the program uses says nothing of ggml's workers. */
    *(void **)&index = ns_symbol_of(graph_compute, "omp_get_thread_num");
    *(void **)&count = ns_symbol_of(graph_compute, "omp_get_num_threads");
    atomic_store(&omp_count, count);
    atomic_store(&omp_index, index);
    atomic_store(&done, true);
}

void ns_team_begin(struct ns_team *team) {
    team->outer = creating;
    creating = team;
}

void ns_team_end(struct ns_team *team) { creating = team->outer; }

void ns_team_set_threads(const void *pool, int threads) {
    pthread_mutex_lock(&pools_lock);
    for (struct ns_team *team = pools; team && pool; team = team->next)
        if (team->pool == pool) atomic_store(&team->threads, threads <= team->created ? threads : team->created + 1);
    pthread_mutex_unlock(&pools_lock);
}

bool ns_worker_position(int *index, int *count) {
    int (*of_thread)(void) = atomic_load(&omp_index), (*of_team)(void) = atomic_load(&omp_count);
    if (member) {
        *index = member_index;
        *count = atomic_load(&member->threads);
    } else if (of_thread && of_team && of_team() > 1) {
        *index = of_thread();
        *count = of_team();
    } else if (creating) {
        *index = 0;
        *count = atomic_load(&creating->threads);
    } else {
        return false; /* another interposer hides from us who creates threads: better not pinned than all as worker 0 */
    }
    return true;
}

struct start {
    void *(*routine)(void *);
    void *argument;
    struct ns_team *team;
    int index;
};

static void *start_member(void *context) {
    const struct start start = *(struct start *)context;
    free(context);
    member = start.team;
    member_index = start.index;
    return start.routine(start.argument);
}

typedef int create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
static create *real_create;
/* Before anybody may hold a lock that the loader's waits for. */
__attribute__((constructor)) static void find_create(void) { *(void **)&real_create = ns_next("pthread_create"); }

NS_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*routine)(void *),
                             void *argument) {
    static struct ns_hook hook = {.name = "pthread_create"};
    bool is_ggml_cpu = false;
    if (!real_create) find_create();
    if (!real_create) return ENOSYS;
    if (creating) ns_hook_real(&hook, (void *)routine, &is_ggml_cpu);
    struct start *start = is_ggml_cpu ? malloc(sizeof *start) : NULL;
    if (!start) return real_create(thread, attributes, routine, argument);
    *start = (struct start){routine, argument, creating, creating->created + 1};
    const int error = real_create(thread, attributes, start_member, start);
    if (error) free(start);
    else creating->created++;
    return error;
}

/* A pool that is gone leaves its entry to the next one at its address; its threads were joined. */
static void keep_pool(struct ns_team *team) {
    pthread_mutex_lock(&pools_lock);
    struct ns_team **at = &pools;
    while (*at && (*at)->pool != team->pool) at = &(*at)->next;
    struct ns_team *old = *at;
    if (old) *at = old->next;
    team->next = pools;
    pools = team;
    pthread_mutex_unlock(&pools_lock);
    free(old);
}

NS_EXPORT void *ggml_threadpool_new(void *parameters) {
    static struct ns_hook hook = {.name = "ggml_threadpool_new"};
    void *(*real)(void *);
    *(void **)&real = ns_hook_real(&hook, __builtin_return_address(0), NULL);
    if (!real) return NULL;
    struct ns_team *team = ns_config()->rows ? calloc(1, sizeof *team) : NULL;
    if (!team) return real(parameters);
    ns_team_begin(team);
    void *pool = real(parameters);
    ns_team_end(team);
    team->pool = pool;
    if (team->created) keep_pool(team);
    else free(team); /* OpenMP: no threads of its own */
    return pool;
}
