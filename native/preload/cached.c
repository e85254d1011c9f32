// SPDX-License-Identifier: MIT
// Page-cache residency of one tensor: the mapping stays, and the file's own cached pages go to their nodes.
#include "preload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>

/* Two that place the same file at once would each map what the other still has to move. A holder that was stopped, or
 * that locked the file for something else, must not hold us for ever: once this long for a file, not for each tensor. */
#define NS_LOCK_SECONDS 60

static void lock_file(struct ns_mapping *mapping, int fd) {
    const struct timespec pause = {.tv_nsec = 2000000};
    const double end = ns_now() + (mapping->is_held ? 0 : NS_LOCK_SECONDS);
    while (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK && !(mapping->is_held = ns_now() >= end))
        nanosleep(&pause, NULL);
}

/* The kernel maps what is cached around a page that is asked for (fault_around_bytes, 64 KiB): the pages of neighbours
 * that are still to be moved, perhaps by another process. Where none of them is private memory they are let go. */
#define NS_AROUND_BYTES (64u << 10)

static void let_go(uintptr_t from, uintptr_t to) {
    if (to > from) madvise((void *)from, to - from, MADV_DONTNEED); // NOLINT: an address is what we were given
}

static void let_neighbours_go(const struct ns_mapping *mapping, const struct cache_place *place) {
    const uintptr_t first = (uintptr_t)place->map, last = first + place->count * place->page_size;
    uintptr_t from = first & ~(uintptr_t)(NS_AROUND_BYTES - 1);
    uintptr_t to = (last + NS_AROUND_BYTES - 1) & ~(uintptr_t)(NS_AROUND_BYTES - 1);
    if (mapping->has_private) return;
    if (from < mapping->start) from = mapping->start;
    if (to > mapping->end) to = mapping->end;
    for (size_t i = 0; i < ns_registry_count(); i++) { /* placed ones stay: `verify` asks for what is mapped */
        const struct ns_tensor *tensor = ns_registry_at(i);
        const uintptr_t start = tensor->address & ~(uintptr_t)(place->page_size - 1);
        const uintptr_t end = tensor->address + tensor->byte_length;
        if (!tensor->placed || end <= from || start >= to) continue;
        if (start < first && end > from) from = end < first ? (end + place->page_size - 1) & ~(place->page_size - 1) : first;
        if (end > last && start < to) to = start > last ? start : last;
    }
    let_go(from, first);
    let_go(last, to);
}

static int only_node(void) {
    const struct ns_machine *machine = ns_machine();
    return machine->with_memory.count == 1 && machine->count == 1 ? machine->with_memory.ids[0] : -1;
}

bool ns_cached_open(const struct ns_tensor *tensor, const struct ns_pages *pages, struct ns_cached *cached) {
    const struct ns_machine *machine = ns_machine();
    struct ns_mapping *mapping = ns_mapping_at(tensor->address);
    const uintptr_t end = pages->first + pages->count * machine->page_size;
    *cached = (struct ns_cached){.mapping = mapping, .ids = calloc((size_t)machine->count, sizeof *cached->ids)};
    cached->place.fd = -1;
    errno = mapping && pages->first >= mapping->start && end <= mapping->end ? ENOMEM : EFAULT;
    if (!cached->ids || errno == EFAULT) return false;
    for (int i = 0; i < machine->count; i++) cached->ids[i] = machine->nodes[i].id;
    const int fd = ns_mapping_open(mapping, tensor->file_offset + tensor->byte_length);
    cached->place = (struct cache_place){
        .fd = fd,
        .map = (unsigned char *)pages->first, // NOLINT: an address is what we were given
        .offset = mapping->file_offset + (pages->first - mapping->start),
        .count = pages->count,
        .page_size = machine->page_size,
        .want = pages->want,
        .ids = cached->ids,
        .is_hidden = mapping->is_hidden,
        .may_drop = !mapping->has_private, /* dropping takes pages out of our page table: private ones would be lost */
        .first_stays = !ns_tally_is_settled(pages->first),
        .last_stays = !ns_tally_is_settled(end - machine->page_size),
        .only_node = only_node(),
        .run = ns_run_chunks,
    };
    return fd >= 0;
}

void ns_cached_close(struct ns_cached *cached) {
    const int saved = errno;
    if (cached->place.fd >= 0) close(cached->place.fd); /* and with it the lock */
    free(cached->ids);
    errno = saved;
}

bool ns_cached_is_right(const struct ns_tensor *tensor, const struct ns_pages *pages) {
    struct ns_cached cached;
    int *found = calloc(pages->count, sizeof *found);
    bool right = found && ns_cached_open(tensor, pages, &cached);
    cached.place.found = found;
    right = right && cache_is_right(&cached.place);
    if (found) ns_cached_close(&cached);
    free(found);
    return right;
}

bool ns_cached_put(struct ns_tensor *tensor, const struct ns_pages *pages, int *found) {
    struct ns_cached cached;
    int error = ns_cached_open(tensor, pages, &cached) ? 0 : errno;
    struct cache_place *place = &cached.place;
    if (!error) {
        place->found = found;
        lock_file(cached.mapping, place->fd);
        error = cache_put(place);
        let_neighbours_go(cached.mapping, place);
        ns_totals.moved_pages += place->counts.moved + place->counts.dropped;
        ns_totals.read_pages += place->counts.read;
        ns_totals.kept_pages += place->counts.kept;
    }
    ns_cached_close(&cached);
    if (!error) return true;
    ns_totals.refused_bytes += tensor->byte_length;
    ns_complain("%s stays where its file is cached: %s", tensor->name,
                error == ESTALE || error == ENOENT ? "its file was deleted, replaced or cut" : strerror(error));
    return false;
}
