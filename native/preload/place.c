// SPDX-License-Identifier: MIT
// Places one announced weight: private memory under it where it is mapped, its pages brought into being on
// their nodes, and what the kernel then says.
#include "preload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct ns_totals ns_totals;

/* One policy over all nodes that hold weights: memory with a policy is not moved by NUMA balancing, and one
 * policy for all splits nothing. */
static void keep_from_balancing(const struct ns_pages *pages) {
    struct ns_mask mask = {{0}};
    for (int i = 0; i < ns_machine()->with_memory.count; i++) ns_mask_set(&mask, ns_machine()->with_memory.ids[i]);
    ns_mbind((void *)pages->first, pages->count * ns_machine()->page_size, NS_MPOL_BIND, &mask); // NOLINT
}

/* Memory that llama.cpp took itself; a store to memory that is not ours to write would end the process. */
static bool touch(struct ns_tensor *tensor, const struct ns_pages *pages) {
    struct ns_vma vma;
    const uintptr_t end = pages->first + pages->count * ns_machine()->page_size;
    int error = 0;
    if (!ns_machine()->can_populate && !(ns_vma_at(pages->first, &vma) && vma.permissions[1] == 'w' && end <= vma.end))
        error = EFAULT;
    if (!error) ns_advise_huge(tensor, pages);
    if (!error) error = ns_pages_touch(pages);
    if (!error) return true;
    ns_totals.refused_bytes += tensor->byte_length;
    ns_complain("%s stays where llama.cpp put it: %s", tensor->name, strerror(error));
    return false;
}

/* ---- what the kernel says ---- */
struct counting {
    struct ns_tensor *tensor;
    const struct ns_pages *pages;
    const int *found;
};

static void count_range(void *context, uint64_t offset, uint64_t length, int node_id) {
    struct counting *counting = context;
    const size_t size = ns_machine()->page_size;
    uintptr_t at = counting->tensor->address + offset, end = at + length;
    while (at < end) {
        uintptr_t next = (at & ~(size - 1)) + size;
        uint64_t bytes = (end < next ? end : next) - at;
        int found = counting->found[(at - counting->pages->first) / size];
        int index = found < 0 ? -1 : ns_node_index(found);
        if (index >= 0) counting->tensor->node_bytes[index] += bytes;
        if (found == -ENOENT) counting->tensor->absent += bytes;
        else if (index < 0) counting->tensor->unknown += bytes;
        else if (found != node_id) counting->tensor->misplaced += bytes;
        at += bytes;
    }
}

static void count(struct ns_tensor *tensor, const struct ns_pages *pages, int workers, const int *found) {
    memset(tensor->node_bytes, 0, (size_t)ns_machine()->count * sizeof *tensor->node_bytes);
    tensor->misplaced = tensor->absent = tensor->unknown = 0;
    struct counting counting = {tensor, pages, found};
    ns_ranges_of(tensor, workers, count_range, &counting);
}

double ns_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* A file that is another by now is left alone; where private memory is refused, its cached pages are placed. */
static bool put_mapped(struct ns_tensor *tensor, const struct ns_pages *pages, int *found) {
    if (ns_residency_of(tensor, pages) == NS_PAGE_CACHE) return ns_cached_put(tensor, pages, found);
    const int error = ns_overlay(tensor, pages);
    tensor->overlaid = !error;
    if (!error) return true;
    const bool is_gone = error == ESTALE || error == ENOENT;
    ns_complain("%s stays in the page cache: %s", tensor->name,
                is_gone ? "its file was deleted, replaced or cut" : strerror(error));
    *(is_gone ? &ns_totals.refused_bytes : &ns_totals.cached_bytes) += tensor->byte_length;
    return !is_gone && ns_cached_put(tensor, pages, found);
}

/* Not counted: a page that two tensors share, which follows the larger part when the second is announced. */
static void move_rest(const struct ns_pages *pages, int *found) {
    const size_t last = pages->count - 1;
    const int before[] = {found[0], found[last]};
    const uint64_t moved = ns_pages_move(pages, found), of_ends = (found[0] != before[0]) + (last && found[last] != before[1]);
    ns_totals.moved_pages += moved > of_ends ? moved - of_ends : 0;
}

/* Brings the pages where they are wanted, and learns where they then are. */
static void put(struct ns_tensor *tensor, struct ns_pages *pages, int *found) {
    if (!ns_spill(pages)) {
        ns_totals.refused_bytes += tensor->byte_length;
        ns_complain("no node has room for %s (%llu bytes): it stays where llama.cpp puts it", tensor->name,
                    (unsigned long long)tensor->byte_length);
    } else {
        tensor->placed = tensor->mapped ? put_mapped(tensor, pages, found) : touch(tensor, pages);
    }
    if (tensor->placed && tensor->mapped && !tensor->overlaid) return;
    ns_pages_locate(pages, found);
    if (!tensor->placed) return;
    move_rest(pages, found);
    keep_from_balancing(pages);
}

void ns_place(struct ns_tensor *tensor) {
    struct ns_pages pages;
    const double start = ns_now();
    const int workers = ns_totals.placed_workers;
    if (!tensor->byte_length) return;
    const bool is_planned = ns_pages_plan(tensor, workers, &pages);
    int *found = is_planned ? calloc(pages.count, sizeof *found) : NULL;
    if (found) {
        put(tensor, &pages, found);
        count(tensor, &pages, workers, found);
    } else {
        ns_complain("no memory to plan the pages of %s", tensor->name);
    }
    free(found);
    free(pages.want);
    ns_totals.seconds += ns_now() - start;
}

static void place_again(struct ns_tensor *tensor, int workers) {
    struct ns_pages pages;
    const bool is_planned = ns_pages_plan(tensor, workers, &pages);
    int *found = is_planned ? calloc(pages.count, sizeof *found) : NULL;
    if (found && (!tensor->mapped || tensor->overlaid || !ns_cached_put(tensor, &pages, found))) {
        ns_pages_locate(&pages, found);
        ns_totals.moved_pages += ns_pages_move(&pages, found);
    }
    if (found) count(tensor, &pages, workers, found);
    free(found);
    free(pages.want);
}

/* Called with the lock held, from the first graph whose number of workers makes other cuts. */
void ns_place_again(int workers) {
    const double start = ns_now();
    const uint64_t moved = ns_totals.moved_pages;
    if (ns_totals.was_recut || workers == ns_totals.placed_workers) return;
    ns_totals.placed_workers = workers;
    ns_totals.was_recut = true;
    ns_tally_restart();
    for (size_t i = 0; i < ns_registry_count(); i++)
        if (ns_registry_at(i)->placed) place_again(ns_registry_at(i), workers);
    ns_totals.recut_pages = ns_totals.moved_pages - moved;
    ns_totals.seconds += ns_now() - start;
}
