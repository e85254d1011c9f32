// SPDX-License-Identifier: MIT
// Which page of a tensor belongs to which node, and where the kernel says that it is (move_pages(2)).
#include "preload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
    bool partial = paging->page < paging->address || paging->page + page_size() > paging->end;
    pages->want[(paging->page - pages->first) / page_size()] =
        partial ? ns_tally_add(paging->page, paging->bytes) : largest(paging->bytes);
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

void ns_ranges_of(const struct ns_tensor *tensor, int workers, gns_emit emit, void *context) {
    const struct ns_config *config = ns_config();
    gns_ranges(&config->map, tensor->rule, tensor->layer, &tensor->shape, &config->shares, workers,
               tensor->address & (page_size() - 1), page_size(), emit, context);
}

bool ns_pages_plan(const struct ns_tensor *tensor, int workers, struct ns_pages *pages) {
    *pages = (struct ns_pages){.first = tensor->address & ~(page_size() - 1)};
    uintptr_t end = tensor->address + tensor->byte_length;
    pages->count = (end - pages->first + page_size() - 1) / page_size();
    pages->want = calloc(pages->count, sizeof *pages->want);
    uint32_t bytes[ns_machine()->count];
    memset(bytes, 0, sizeof bytes);
    struct paging paging = {.pages = pages, .address = tensor->address, .bytes = bytes, .end = end};
    if (!pages->want) return false;
    ns_ranges_of(tensor, workers, add_range, &paging);
    close_page(&paging);
    return true;
}

/* ---- where they are ---- */
#define NS_BATCH 1024

struct looking {
    const struct ns_pages *pages;
    int *found;
};

static int locate_chunk(void *context, struct cache_chunk *chunk) {
    const struct looking *looking = context;
    void *addresses[NS_BATCH];
    for (size_t at = 0; at < chunk->count; at += NS_BATCH) {
        const size_t first = chunk->page + at, count = chunk->count - at < NS_BATCH ? chunk->count - at : NS_BATCH;
        for (size_t i = 0; i < count; i++) addresses[i] = (void *)(looking->pages->first + (first + i) * page_size()); // NOLINT
        if (ns_move_pages(count, addresses, NULL, &looking->found[first]) == 0) continue;
        for (size_t i = 0; i < count; i++) looking->found[first + i] = -EPERM;
    }
    return 0;
}

/* A quarter of a microsecond for each page: the readers share it. */
void ns_pages_locate(const struct ns_pages *pages, int *found) {
    struct looking looking = {pages, found};
    size_t length;
    struct cache_chunk *chunks = cache_cut(pages->want, NULL, pages->count, pages->first, page_size(), &length);
    if (chunks) ns_run_chunks(chunks, length, locate_chunk, &looking);
    else
        for (size_t i = 0; i < pages->count; i++) found[i] = -ENOMEM;
    free(chunks);
}

uint64_t ns_pages_move(const struct ns_pages *pages, int *found) {
    const struct ns_node *nodes = ns_machine()->nodes;
    void *addresses[NS_BATCH];
    int targets[NS_BATCH], status[NS_BATCH] = {0};
    size_t index[NS_BATCH];
    uint64_t moved = 0;
    for (size_t at = 0; at < pages->count;) {
        size_t batch = 0;
        for (; at < pages->count && batch < NS_BATCH; at++) {
            if (found[at] < 0 || found[at] == nodes[pages->want[at]].id) continue;
            index[batch] = at;
            targets[batch] = nodes[pages->want[at]].id;
            addresses[batch++] = (void *)(pages->first + at * page_size()); // NOLINT: an address is what we were given
        }
        if (!batch) continue;
        /* Where one page fails, the kernel leaves the answers for the rest unwritten: only a second look counts. */
        ns_move_pages(batch, addresses, targets, status);
        if (ns_move_pages(batch, addresses, NULL, status) != 0) continue;
        for (size_t i = 0; i < batch; i++) {
            moved += status[i] >= 0 && status[i] != found[index[i]];
            found[index[i]] = status[i];
        }
    }
    return moved;
}
