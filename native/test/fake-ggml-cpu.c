// SPDX-License-Identifier: MIT
// Stands in for libggml-cpu.so in the tests of libnumashard.so: threads of its own, as builds without OpenMP
// have them, new for every graph or kept in a pool.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "fake-ggml.h"

#define MAX_THREADS 64

struct worker {
    struct fake_pool *pool;
    pthread_t thread;
    int index;
};

struct fake_pool {
    struct worker workers[MAX_THREADS];
    int threads;
    pthread_barrier_t start, end;
    _Atomic bool stop;
    int active; /* in this graph */
    int operations;
    _Atomic int yes;
};

bool ggml_is_numa(void) { return false; }

static void work(struct worker *worker) {
    if (worker->index >= worker->pool->active) return;
    for (int i = 0; i < worker->pool->operations; i++) worker->pool->yes += ggml_is_numa();
}

static void *run_worker(void *context) {
    struct worker *worker = context;
    for (;;) {
        pthread_barrier_wait(&worker->pool->start);
        if (worker->pool->stop) return NULL;
        work(worker);
        pthread_barrier_wait(&worker->pool->end);
    }
}

static struct fake_pool *new_pool(const int *threads) {
    struct fake_pool *pool = calloc(1, sizeof *pool);
    pool->threads = *threads;
    pthread_barrier_init(&pool->start, NULL, (unsigned)*threads);
    pthread_barrier_init(&pool->end, NULL, (unsigned)*threads);
    for (int i = 0; i < *threads; i++) {
        pool->workers[i] = (struct worker){.pool = pool, .index = i};
        if (i) pthread_create(&pool->workers[i].thread, NULL, run_worker, &pool->workers[i]);
    }
    return pool;
}

void fake_pool_free(struct fake_pool *pool) {
    pool->stop = true;
    pthread_barrier_wait(&pool->start);
    for (int i = 1; i < pool->threads; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_barrier_destroy(&pool->start);
    pthread_barrier_destroy(&pool->end);
    free(pool);
}

struct fake_pool *ggml_threadpool_new(const int *threads) { return new_pool(threads); }

int ggml_graph_compute(void *graph, struct ggml_cplan *plan) {
    struct fake_pool *pool = plan->threadpool ? plan->threadpool : new_pool(&plan->n_threads);
    pool->operations = (int)(intptr_t)graph;
    pool->active = plan->n_threads;
    pool->yes = 0;
    pthread_barrier_wait(&pool->start);
    work(&pool->workers[0]);
    pthread_barrier_wait(&pool->end);
    plan->work_size = (size_t)pool->yes;
    if (!plan->threadpool) fake_pool_free(pool);
    return 0;
}

int fake_compute(int threads, int operations, struct fake_pool *pool) {
    struct ggml_cplan plan = {.n_threads = threads, .threadpool = pool};
    if (ggml_graph_compute((void *)(intptr_t)operations, &plan) != 0) return -1;
    return (int)plan.work_size;
}
