// SPDX-License-Identifier: MIT
// file-place: collects the lines of neighbouring stretches and puts what they name where they say (native/cache).
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "../cache/cache.h"
#include "pages.h"

/* Without the right to set a policy (containers), a reader on the node's own CPUs does it by first touch.
 * 0, or errno where there is no such node. */
static int become_local(int node, int policy) {
    struct ns_mask mask = {{0}};
    char path[96], list[8192];
    cpu_set_t cpus;
    ns_mask_set(&mask, node);
    if (ns_set_mempolicy(policy, &mask) == 0) return 0;
    if (errno != EPERM && errno != ENOSYS) return errno;
    CPU_ZERO(&cpus);
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpulist", node);
    FILE *file = fopen(path, "re");
    if (!file || !fgets(list, sizeof list, file)) list[0] = 0;
    if (file) fclose(file);
    for (char *at = list; *at >= '0' && *at <= '9';) {
        long first = strtol(at, &at, 10), last = first;
        if (*at == '-') last = strtol(at + 1, &at, 10);
        for (long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++) CPU_SET(cpu, &cpus);
        if (*at == ',') at++;
    }
    return sched_setaffinity(0, sizeof cpus, &cpus) == 0 ? 0 : errno;
}

/* The pages of lines that follow each other: a large folio may span several of them. */
struct window {
    int want[PAGES_CHUNK], found[PAGES_CHUNK];
    uint64_t first; /* offset in the file */
    size_t count;
    struct cache_counts counts;
    uint64_t misplaced;
};

/* The node that a run of chunks failed on, for the message. */
static int failed_node;
/* A node without room is only preferred: bound to it, a reader would start the OOM killer. */
static bool is_bound;

static int run_here(struct cache_chunk *chunks, size_t length, cache_work *work, void *context) {
    int error = 0;
    for (size_t i = 0; i < length && !error; i++) {
        if (i == 0 || chunks[i].node != chunks[i - 1].node)
            error = become_local(chunks[i].node, is_bound ? NS_MPOL_BIND : NS_MPOL_PREFERRED);
        failed_node = chunks[i].node;
        if (!error) error = work(context, &chunks[i]);
    }
    return error;
}

static bool has_room(const struct window *window) {
    static uint64_t wanted[NS_MAX_NODES];
    memset(wanted, 0, sizeof wanted);
    for (size_t i = 0; i < window->count; i++) wanted[window->want[i]] += page_bytes();
    for (int node = 0; node < NS_MAX_NODES; node++)
        if (wanted[node] && room_on(node) < wanted[node]) return false;
    return true;
}

static int flush_window(const struct file *file, struct window *window) {
    if (!window->count) return PAGES_DONE;
    is_bound = has_room(window);
    struct cache_place place = {
        .fd = file->fd,
        .map = file->map + window->first,
        .offset = window->first,
        .count = window->count,
        .page_size = page_bytes(),
        .want = window->want,
        .found = window->found,
        .is_hidden = file->is_hidden,
        .may_drop = is_bound,
        .only_node = -1,
        .run = run_here,
    };
    const int error = cache_put(&place);
    if (error) {
        fprintf(stderr, "%s, node %d: %s\n", file->path, failed_node, strerror(error));
        return error == ESTALE ? PAGES_UNUSABLE : PAGES_REFUSED;
    }
    window->counts.read += place.counts.read;
    window->counts.moved += place.counts.moved;
    window->counts.dropped += place.counts.dropped;
    for (size_t i = 0; i < window->count; i++) window->misplaced += !cache_is_right_at(&place, i);
    printf("%zu\n", window->count); /* for the progress: fewer than asked where the file ends before */
    fflush(stdout);
    window->count = 0;
    return PAGES_DONE;
}

static int add_request(const struct file *file, const struct request *request, struct window *window) {
    uint64_t at, left = pages_in_file(file, request, &at);
    int failed = PAGES_DONE;
    for (; left > 0 && !failed; left--, at += page_bytes()) {
        if (window->count == PAGES_CHUNK || at != window->first + window->count * page_bytes())
            failed = flush_window(file, window);
        if (window->count == 0) window->first = at;
        window->want[window->count++] = request->node;
    }
    return failed;
}

int command_file_place(const char *path) {
    static struct window window;
    struct file file;
    struct request request;
    int got, failed = open_file(path, &file);
    while (!failed && (got = read_request(&request, true)) != 0)
        failed = got < 0 ? PAGES_WRONG_INPUT : add_request(&file, &request, &window);
    if (!failed) failed = flush_window(&file, &window);
    if (failed) return failed;
    printf("read %" PRIu64 " moved %" PRIu64 " dropped %" PRIu64 " misplaced %" PRIu64 "\n", window.counts.read,
           window.counts.moved, window.counts.dropped, window.misplaced);
    return PAGES_DONE;
}
