// SPDX-License-Identifier: MIT
// Readers: threads on the CPUs of a node that hold MPOL_BIND for themselves while they work. The policy stays with
// the thread, not with the memory: a full page cache gives way to it, and no mapping is split (measured: first
// touch alone reaches 35 % on a node full of cache).
#include "preload.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

/* A disk wants several requests at once, and one core does not copy as fast as a node's memory takes it. */
#define NS_READERS_PER_NODE 4

struct job {
    struct cache_chunk *chunks;
    size_t count;
    cache_work *work;
    void *context;
    _Atomic int *error;
    int node; /* index */
    bool started;
    pthread_t thread;
};

static void work_off(struct job *job) {
    for (size_t i = 0; i < job->count && !atomic_load(job->error); i++) {
        struct cache_chunk *chunk = &job->chunks[i];
        if (chunk->node != job->node || atomic_exchange(&chunk->is_taken, true)) continue;
        const int error = job->work(job->context, chunk);
        if (error) atomic_store(job->error, error);
    }
}

static void *reader(void *context) {
    struct job *job = context;
    const struct ns_node *node = &ns_machine()->nodes[job->node];
    if (node->cpu_count) sched_setaffinity(0, sizeof node->cpus, &node->cpus);
    struct ns_mask mask = {{0}};
    ns_mask_set(&mask, node->id);
    if (ns_machine()->policy_allowed) ns_set_mempolicy(NS_MPOL_BIND, &mask);
    work_off(job);
    return NULL;
}

/* In the caller's own thread: its policy is put back, its CPUs are left alone. */
static void work_here(struct job *job) {
    int mode = NS_MPOL_DEFAULT;
    struct ns_mask before = {{0}}, mask = {{0}};
    bool known = ns_get_mempolicy(&mode, &before) == 0;
    ns_mask_set(&mask, ns_machine()->nodes[job->node].id);
    if (known) ns_set_mempolicy(NS_MPOL_BIND, &mask);
    work_off(job);
    if (known) ns_set_mempolicy(mode, mode == NS_MPOL_DEFAULT ? NULL : &before);
}

/* Threads for a node; 0: its chunks are so few that a thread would cost more than it reads. */
static int readers_for(const struct cache_chunk *chunks, size_t count, int node) {
    const int most = ns_machine()->nodes[node].cpu_count;
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        if (chunks[i].node == node) bytes += chunks[i].count * ns_machine()->page_size;
    if (!bytes) return 0;
    if (!ns_machine()->policy_allowed && bytes < CACHE_CHUNK_BYTES) return 1;
    const uint64_t wanted = bytes / CACHE_CHUNK_BYTES;
    const int readers = wanted > NS_READERS_PER_NODE ? NS_READERS_PER_NODE : (int)wanted;
    return most && readers > most ? most : readers;
}

static bool has_reader(const struct job *jobs, int count, int node) {
    bool has = false;
    for (int i = 0; i < count; i++) has = has || (jobs[i].started && jobs[i].node == node);
    return has;
}

int ns_run_chunks(struct cache_chunk *chunks, size_t length, cache_work *work, void *context) {
    const int nodes = ns_machine()->count;
    _Atomic int error = 0;
    int jobs_used = 0;
    struct job *jobs = calloc((size_t)nodes * NS_READERS_PER_NODE, sizeof *jobs);
    sigset_t all, before;
    if (!jobs) return ENOMEM;
    sigfillset(&all); /* the program's signals are for its own threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int node = 0; node < nodes; node++)
        for (int left = readers_for(chunks, length, node); left > 0; left--) {
            struct job *job = &jobs[jobs_used++];
            *job = (struct job){chunks, length, work, context, &error, node, false, 0};
            job->started = pthread_create(&job->thread, NULL, reader, job) == 0;
        }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    /* What has no thread, or got none. */
    for (size_t i = 0; i < length; i++)
        if (!atomic_load(&chunks[i].is_taken) && !has_reader(jobs, jobs_used, chunks[i].node))
            work_here(&(struct job){chunks, length, work, context, &error, chunks[i].node, false, 0});
    for (int i = 0; i < jobs_used; i++)
        if (jobs[i].started) pthread_join(jobs[i].thread, NULL);
    free(jobs);
    return atomic_load(&error);
}
