// SPDX-License-Identifier: MIT
// Places one announced weight: which page belongs to which node, private memory under it where it is
// mapped, the pages brought into being there, and what the kernel then says.
#include "preload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

struct ns_totals ns_totals;

/* Slices of at least four huge pages get huge pages inside; smaller ones base pages, since a huge page
 * belongs to whoever touches it first (measured: 60 % of the pages of 1.25 MB slices wrong). */
#define NS_HUGE_BYTES (2u << 20)
#define NS_HUGE_SLICE (4 * NS_HUGE_BYTES)
/* Advice splits mappings, and 65,530 of them are all a process has (vm.max_map_count). */
#define NS_MAX_HUGE_RUNS 8000

static size_t page_size(void) { return ns_machine()->page_size; }

/* ---- ranges to pages ---- */
struct paging {
    struct ns_pages *pages;
    uintptr_t address;
    uintptr_t page;  /* the page that is being added up, 0 none */
    uint32_t *bytes; /* of that page, by node index */
    uintptr_t end;   /* of the tensor */
};

static int largest(const uint32_t *bytes) {
    int best = 0;
    for (int i = 1; i < ns_machine()->count; i++)
        if (bytes[i] > bytes[best]) best = i;
    return best;
}

static void close_page(struct paging *paging) {
    if (!paging->page) return;
    struct ns_pages *pages = paging->pages;
    size_t index = (paging->page - pages->first) / page_size();
    bool partial = paging->page < paging->address || paging->page + page_size() > paging->end;
    bool known = false;
    pages->want[index] = partial ? ns_tally_add(paging->page, paging->bytes, &known) : largest(paging->bytes);
    if (index == 0) pages->skip_first = known;
    if (index == pages->count - 1) pages->skip_last = known;
    memset(paging->bytes, 0, (size_t)ns_machine()->count * sizeof *paging->bytes);
    paging->page = 0;
}

static void add_range(void *context, uint64_t offset, uint64_t length, int node_id) {
    struct paging *paging = context;
    int node = ns_node_index(node_id);
    if (node < 0) node = 0;
    uintptr_t at = paging->address + offset, end = at + length;
    while (at < end) {
        uintptr_t page = at & ~(page_size() - 1), next = page + page_size();
        if (page != paging->page) close_page(paging);
        if (at == page && end >= next) { /* whole pages at once */
            uintptr_t whole = end & ~(page_size() - 1);
            for (uintptr_t p = page; p < whole; p += page_size())
                paging->pages->want[(p - paging->pages->first) / page_size()] = node;
            at = whole;
            continue;
        }
        uintptr_t stop = end < next ? end : next;
        paging->page = page;
        paging->bytes[node] += (uint32_t)(stop - at);
        at = stop;
    }
}

static void ranges_of(const struct ns_tensor *tensor, int workers, gns_emit emit, void *context) {
    const struct ns_config *config = ns_config();
    gns_ranges(&config->map, tensor->rule, tensor->layer, &tensor->shape, &config->shares, workers,
               tensor->address & (page_size() - 1), page_size(), emit, context);
}

static bool plan_pages(const struct ns_tensor *tensor, int workers, struct ns_pages *pages) {
    *pages = (struct ns_pages){.first = tensor->address & ~(page_size() - 1)};
    uintptr_t end = tensor->address + tensor->byte_length;
    pages->count = (end - pages->first + page_size() - 1) / page_size();
    pages->want = calloc(pages->count, sizeof *pages->want);
    uint32_t bytes[ns_machine()->count];
    memset(bytes, 0, sizeof bytes);
    struct paging paging = {.pages = pages, .address = tensor->address, .bytes = bytes, .end = end};
    if (!pages->want) return false;
    ranges_of(tensor, workers, add_range, &paging);
    close_page(&paging);
    return true;
}

/* ---- room ---- */
/* The nearest other node that still has room for `need` bytes, -1 when none has. */
static int nearest_with_room(int node, const uint64_t *room, uint64_t need) {
    int best = -1, best_distance = 0;
    const struct ns_machine *machine = ns_machine();
    for (int i = 0; i < machine->count; i++) {
        if (i == node || !machine->nodes[i].has_memory || room[i] < need) continue;
        int distance = ns_node_distance(machine->nodes[node].id, machine->nodes[i].id);
        if (best < 0 || distance < best_distance) {
            best = i;
            best_distance = distance;
        }
    }
    return best;
}

/* Sends what a node cannot hold to the nearest that can; MPOL_BIND to a full node would end in the OOM
 * killer at touch time. False: it fits nowhere. */
static bool spill(struct ns_pages *pages) {
    const int count = ns_machine()->count;
    uint64_t need[count], room[count];
    memset(need, 0, sizeof need);
    for (size_t i = 0; i < pages->count; i++) need[pages->want[i]] += page_size();
    for (int i = 0; i < count; i++) room[i] = need[i] || count > 1 ? ns_node_room(ns_machine()->nodes[i].id) : 0;
    bool enough = true;
    for (int i = 0; i < count; i++) enough = enough && need[i] <= room[i];
    if (enough) return true;
    for (size_t i = 0; i < pages->count; i++) {
        int node = pages->want[i];
        if (room[node] < page_size()) {
            node = nearest_with_room(node, room, page_size());
            if (node < 0) return false;
            pages->want[i] = node;
            ns_totals.spilled_bytes += page_size();
        }
        room[node] -= page_size();
    }
    return true;
}

/* ---- huge pages ---- */
static void advise(const struct ns_pages *pages) {
    static int huge_runs;
    char *start = (char *)pages->first; // NOLINT: an address is what we were given
    madvise(start, pages->count * page_size(), MADV_NOHUGEPAGE);
    for (size_t page = 0; page < pages->count;) {
        size_t end = page + 1;
        while (end < pages->count && pages->want[end] == pages->want[page]) end++;
        uintptr_t from = pages->first + page * page_size(), to = pages->first + end * page_size();
        uintptr_t inner = (from + NS_HUGE_BYTES - 1) & ~(uintptr_t)(NS_HUGE_BYTES - 1);
        uintptr_t outer = to & ~(uintptr_t)(NS_HUGE_BYTES - 1);
        if (to - from >= NS_HUGE_SLICE && outer > inner && huge_runs < NS_MAX_HUGE_RUNS) {
            madvise((void *)inner, outer - inner, MADV_HUGEPAGE); // NOLINT: see above
            huge_runs++;
        }
        page = end;
    }
}

/* One policy over all nodes that hold weights: memory with a policy is not moved by NUMA balancing, and one
 * policy for all splits nothing. */
static void keep_from_balancing(const struct ns_pages *pages) {
    struct ns_mask mask = {{0}};
    for (int i = 0; i < ns_machine()->with_memory.count; i++) ns_mask_set(&mask, ns_machine()->with_memory.ids[i]);
    ns_mbind((void *)pages->first, pages->count * page_size(), NS_MPOL_BIND, &mask); // NOLINT: see above
}

/* ---- mapped weights: private memory over the file ---- */
static bool overlay(struct ns_tensor *tensor, struct ns_pages *pages) {
    const struct ns_mapping *mapping = ns_mapping_at(tensor->address);
    if (!mapping || pages->first < mapping->start) return false;
    struct ns_source source = {.fd = ns_mapping_open(mapping),
                               .file_offset = mapping->file_offset + (pages->first - mapping->start)};
    if (source.fd < 0) return false;
    size_t skip = pages->skip_first ? 1 : 0, count = pages->count - skip - (pages->skip_last && pages->count > 1 ? 1 : 0);
    if (pages->count == 1 && pages->skip_first) count = 0;
    char *start = (char *)(pages->first + skip * page_size()); // NOLINT: see above
    size_t length = count * page_size();
    int error = 0;
    if (length > 0) {
        if (ns_cgroup_room() < length + (64u << 20)) error = ENOMEM;
        if (!error && (void *)syscall(SYS_mmap, start, length, PROT_READ | PROT_WRITE,
                                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
            error = errno;
        if (!error) {
            madvise(start, length, MADV_DONTDUMP);
            advise(pages);
            error = ns_fill(pages, &source);
            if (error) /* the file is still the truth: put its mapping back */
                syscall(SYS_mmap, start, length, PROT_READ, MAP_SHARED | MAP_FIXED, source.fd,
                        (off_t)(source.file_offset + skip * page_size()));
        }
        /* Weights are read-only to llama.cpp as they were in the file mapping. */
        if (!error) syscall(SYS_mprotect, start, length, PROT_READ);
    }
    close(source.fd);
    if (!error) return true;
    ns_totals.overlay_refused = true;
    ns_totals.refused_bytes += length;
    ns_complain("no private memory for %s (%s): it stays in the page cache", tensor->name, strerror(error));
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
    uintptr_t at = counting->tensor->address + offset, end = at + length;
    while (at < end) {
        uintptr_t next = (at & ~(page_size() - 1)) + page_size();
        uint64_t bytes = (end < next ? end : next) - at;
        int found = counting->found[(at - counting->pages->first) / page_size()];
        int index = found < 0 ? -1 : ns_node_index(found);
        if (index >= 0) counting->tensor->node_bytes[index] += bytes;
        if (found == -ENOENT) counting->tensor->absent += bytes;
        else if (index < 0) counting->tensor->unknown += bytes;
        else if (found != node_id) counting->tensor->misplaced += bytes;
        at += bytes;
    }
}

static void count_bytes(struct ns_tensor *tensor, const struct ns_pages *pages, const int *found, int workers) {
    memset(tensor->node_bytes, 0, (size_t)ns_machine()->count * sizeof *tensor->node_bytes);
    tensor->misplaced = tensor->absent = tensor->unknown = 0;
    struct counting counting = {tensor, pages, found};
    ranges_of(tensor, workers, count_range, &counting);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void check(struct ns_tensor *tensor, const struct ns_pages *pages, int workers, bool may_move) {
    int *found = calloc(pages->count, sizeof *found);
    if (!found) return;
    ns_fix(pages, found, may_move ? &ns_totals.moved_pages : NULL);
    count_bytes(tensor, pages, found, workers);
    free(found);
}

void ns_place(struct ns_tensor *tensor) {
    struct ns_pages pages;
    double start = now();
    if (!tensor->byte_length || !plan_pages(tensor, ns_totals.placed_workers, &pages)) {
        ns_complain("no memory to plan the pages of %s", tensor->name);
        return;
    }
    bool fits = spill(&pages);
    bool placed = false;
    if (!fits) {
        ns_complain("no node has room for %s (%llu bytes): it stays where llama.cpp puts it", tensor->name,
                    (unsigned long long)tensor->byte_length);
    } else if (tensor->mapped) {
        placed = tensor->overlaid = overlay(tensor, &pages);
    } else {
        struct ns_source touch = {.fd = -1};
        pages.skip_first = pages.skip_last = false;
        advise(&pages);
        placed = ns_fill(&pages, &touch) == 0;
    }
    check(tensor, &pages, ns_totals.placed_workers, placed);
    if (placed) keep_from_balancing(&pages);
    free(pages.want);
    ns_totals.seconds += now() - start;
}

/* Called with the lock held, from the first graph whose number of workers makes other cuts. */
void ns_place_again(int workers) {
    if (ns_totals.moved_for_workers || workers == ns_totals.placed_workers) return;
    double start = now();
    bool was_assumed = ns_totals.placed_workers == 0;
    ns_totals.placed_workers = workers;
    ns_totals.moved_for_workers = true;
    (void)was_assumed;
    ns_tally_forget(0, UINTPTR_MAX);
    for (size_t i = 0; i < ns_registry_count(); i++) {
        struct ns_tensor *tensor = ns_registry_at(i);
        struct ns_pages pages;
        if (tensor->kind != NS_WEIGHT || !tensor->on_host || !plan_pages(tensor, workers, &pages)) continue;
        check(tensor, &pages, workers, !tensor->mapped || tensor->overlaid);
        free(pages.want);
    }
    ns_totals.seconds += now() - start;
}
