// SPDX-License-Identifier: MIT
// Private memory over the pages of a mapped tensor, filled from the same place of the same file. Whatever goes
// wrong, what can be read there is the file: where this is refused, its mapping stays.
#include "preload.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Slices of at least four huge pages get huge pages inside; smaller ones base pages, since a huge page
 * belongs to whoever touches it first (measured: 60 % of the pages of 1.25 MB slices wrong). */
#define NS_HUGE_BYTES (2u << 20)
#define NS_HUGE_SLICE (4 * NS_HUGE_BYTES)
/* Advice splits mappings, and 65,530 of them are all a process has (vm.max_map_count). */
#define NS_MAX_HUGE_RUNS 8000
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* Linux 4.17 */
#endif

void ns_advise_huge(struct ns_tensor *tensor, const struct ns_pages *pages) {
    const size_t size = ns_machine()->page_size;
    madvise((void *)pages->first, pages->count * size, MADV_NOHUGEPAGE); // NOLINT: an address is what we were given
    for (size_t page = 0; page < pages->count;) {
        size_t end = page + 1;
        while (end < pages->count && pages->want[end] == pages->want[page]) end++;
        uintptr_t from = pages->first + page * size, to = pages->first + end * size;
        uintptr_t inner = (from + NS_HUGE_BYTES - 1) & ~(uintptr_t)(NS_HUGE_BYTES - 1);
        uintptr_t outer = to & ~(uintptr_t)(NS_HUGE_BYTES - 1);
        if (to - from >= NS_HUGE_SLICE && outer > inner && ns_totals.huge_runs < NS_MAX_HUGE_RUNS) {
            madvise((void *)inner, outer - inner, MADV_HUGEPAGE); // NOLINT: see above
            tensor->huge_runs++;
            ns_totals.huge_runs++;
        }
        page = end;
    }
}

/* Puts the file back. Where even that fails, nobody may read zeros for weights: a fault, as a file that cannot be
 * read gives under its mapping too. */
static void undo(char *start, size_t length, int fd, uint64_t file_offset) {
    if ((void *)syscall(SYS_mmap, start, length, PROT_READ, MAP_SHARED | MAP_FIXED, fd, file_offset) == MAP_FAILED)
        mprotect(start, length, PROT_NONE);
}

/* A refused mmap(2) may have unmapped what was there (Linux 6.1 with strict overcommit), or not: then it stays. */
static void fill_hole(char *start, size_t length, int fd, uint64_t file_offset) {
    void *at = (void *)syscall(SYS_mmap, start, length, PROT_READ, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, file_offset);
    if (at != MAP_FAILED && at != start) syscall(SYS_munmap, at, length); /* kernels that do not know the flag */
}

/* Asked anew after NS_FRESH_SECONDS, or where it gets close: as ns_spill() does. */
static bool cgroup_has(uint64_t length) {
    static uint64_t room;
    static double asked_at;
    const double now = ns_now();
    if (asked_at == 0 || now - asked_at > NS_FRESH_SECONDS || room / 4 < length + NS_CGROUP_RESERVE) {
        room = ns_cgroup_room();
        asked_at = now;
    }
    if (room < length + NS_CGROUP_RESERVE) return false;
    if (room != UINT64_MAX) room -= length;
    return true;
}

static int cover(struct ns_tensor *tensor, const struct ns_pages *pages, int fd, uint64_t file_offset,
                 const unsigned char *cached) {
    char *start = (char *)pages->first; // NOLINT: see above
    const size_t length = pages->count * ns_machine()->page_size;
    if (!cgroup_has(length)) return ENOMEM;
    if ((void *)syscall(SYS_mmap, start, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0L) ==
        MAP_FAILED) {
        const int refused = errno;
        fill_hole(start, length, fd, file_offset);
        return refused;
    }
    madvise(start, length, MADV_DONTDUMP);
    ns_advise_huge(tensor, pages);
    int error = ns_pages_read(pages, fd, file_offset, cached);
    if (error) undo(start, length, fd, file_offset);
    else mprotect(start, length, PROT_READ); /* as the mapping was */
    return error;
}

/* Asked of the mapping while it is there. NULL: the kernel does not tell of this file. */
static unsigned char *cached_pages(const struct ns_mapping *mapping, const struct ns_pages *pages) {
    const struct cache_place place = {.map = (unsigned char *)pages->first, // NOLINT: see above
                                      .count = pages->count,
                                      .page_size = ns_machine()->page_size,
                                      .is_hidden = mapping->is_hidden};
    unsigned char *cached = malloc(pages->count);
    if (cached && cache_resident(&place, cached)) return cached;
    free(cached);
    return NULL;
}

int ns_overlay(struct ns_tensor *tensor, const struct ns_pages *pages) {
    const size_t size = ns_machine()->page_size;
    struct ns_mapping *mapping = ns_mapping_at(tensor->address);
    struct ns_pages part = *pages; /* without what a neighbour's overlay covers already */
    const uintptr_t last = pages->first + (pages->count - 1) * size;
    if (!mapping || pages->first < mapping->start || last >= mapping->end) return EFAULT;
    if (ns_tally_is_private(part.first)) {
        part.first += size;
        part.want++;
        part.count--;
    }
    if (part.count && ns_tally_is_private(last)) part.count--;
    if (part.count) {
        int fd = ns_mapping_open(mapping, tensor->file_offset + tensor->byte_length);
        if (fd < 0) return errno;
        unsigned char *cached = cached_pages(mapping, &part);
        mapping->has_private = true;
        int error = cover(tensor, &part, fd, mapping->file_offset + (part.first - mapping->start), cached);
        free(cached);
        close(fd);
        if (error) return error;
    }
    ns_tally_set_private(pages->first);
    ns_tally_set_private(last);
    return 0;
}
