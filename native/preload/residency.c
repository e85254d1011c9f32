// SPDX-License-Identifier: MIT
// Whether mapped weights become private memory or stay the file's cached pages. What was asked for holds; else cached
// pages that lie right already stay, and so does what private memory has no room for. docs/how-it-works.md has the why.
#include "preload.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* By chance a page in `nodes` lies right, and then does not stay so: less than this decides nothing. */
#define NS_TELLING_BYTES (1u << 20)

/* Bytes that may be promised yet; only strict overcommit limits them (Documentation/mm/overcommit-accounting.rst). */
static uint64_t commit_room(void) {
    char line[256];
    int strict = 0;
    uint64_t limit = 0, promised = 0;
    FILE *file = fopen("/proc/sys/vm/overcommit_memory", "re");
    if (file && fscanf(file, "%d", &strict) != 1) strict = 0;
    if (file) fclose(file);
    if (strict != 2) return UINT64_MAX;
    file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "CommitLimit:", 12) == 0) limit = strtoull(line + 12, NULL, 10) * 1024;
        if (strncmp(line, "Committed_AS:", 13) == 0) promised = strtoull(line + 13, NULL, 10) * 1024;
    }
    if (file) fclose(file);
    return limit > promised ? limit - promised : 0;
}

/* The whole file, since nobody tells how much of it will be announced: repacked copies take as much again as private
 * memory would. */
static bool fits_private(const struct ns_mapping *mapping) {
    const uint64_t length = mapping->end - mapping->start, wanted = length + NS_CGROUP_RESERVE;
    uint64_t room = 0;
    if (wanted > ns_cgroup_room() || wanted > commit_room()) return false;
    for (int i = 0; i < ns_machine()->count && room < wanted; i++) {
        const uint64_t here = ns_machine()->nodes[i].has_memory ? ns_node_room(&ns_machine()->nodes[i]) : 0;
        room = here > UINT64_MAX - room ? UINT64_MAX : room + here;
    }
    return room >= wanted;
}

static enum ns_residency decide(const struct ns_mapping *mapping, const struct ns_tensor *tensor,
                                const struct ns_pages *pages, const char **reason) {
    const enum ns_residency asked = ns_config()->residency;
    *reason = "asked";
    if (asked) return asked;
    *reason = "in place";
    if (ns_machine()->policy_allowed && ns_cached_is_right(tensor, pages)) return NS_PAGE_CACHE;
    *reason = "no room";
    if (!fits_private(mapping)) return NS_PAGE_CACHE;
    *reason = "default";
    return NS_PRIVATE;
}

/* The kernel must not move what was placed. khugepaged gathers a file's pages into huge ones, on one node each (seen on
 * Linux 7.2: a tenth of a model within a minute), and NUMA balancing follows whoever reads; one advice and one policy
 * for the whole mapping keep both away and split nothing. */
static void keep_still(const struct ns_mapping *mapping) {
    struct ns_mask mask = {{0}};
    void *start = (void *)mapping->start; // NOLINT: an address is what we were given
    for (int i = 0; i < ns_machine()->with_memory.count; i++) ns_mask_set(&mask, ns_machine()->with_memory.ids[i]);
    madvise(start, mapping->end - mapping->start, MADV_NOHUGEPAGE);
    ns_mbind(start, mapping->end - mapping->start, NS_MPOL_BIND, &mask);
}

enum ns_residency ns_residency_of(const struct ns_tensor *tensor, const struct ns_pages *pages) {
    struct ns_mapping *mapping = ns_mapping_at(tensor->address);
    const char *reason;
    if (!mapping) return NS_PRIVATE;
    if (mapping->residency) return mapping->residency;
    const bool decides = ns_config()->residency || tensor->byte_length >= NS_TELLING_BYTES;
    if (!decides && ns_machine()->with_memory.count > 1) return fits_private(mapping) ? NS_PRIVATE : NS_PAGE_CACHE;
    const enum ns_residency residency = decide(mapping, tensor, pages, &reason);
    if (!decides) return residency;
    mapping->residency = residency;
    ns_totals.residency_reason = reason;
    if (residency == NS_PAGE_CACHE) keep_still(mapping);
    return residency;
}
