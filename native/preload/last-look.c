// SPDX-License-Identifier: MIT
// KV and compute buffers go before the weights do, so nobody who looks at the weights sees them: where they
// were is asked right before they are freed, and kept for the report.
#include "preload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One for each name: "kv" and "compute". */
static struct last_look {
    struct ns_tensor sum; /* all buffers of that name that went after the same graph */
    uint64_t graph;
} looks[2];

static struct last_look *look_for(const struct ns_tensor *tensor) {
    struct last_look *look = &looks[strcmp(tensor->name, "kv") == 0 ? 0 : 1];
    const size_t size = (size_t)ns_machine()->count * sizeof *look->sum.node_bytes;
    if (!look->sum.node_bytes) look->sum.node_bytes = calloc(1, size);
    if (!look->sum.node_bytes) return NULL;
    if (look->sum.byte_length && look->graph == ns_graph_count()) return look;
    uint64_t *node_bytes = look->sum.node_bytes;
    memset(node_bytes, 0, size);
    look->sum = *tensor;
    look->sum.node_bytes = node_bytes;
    look->sum.address = 0;
    look->sum.byte_length = 0;
    look->sum.handle = NULL;
    look->graph = ns_graph_count();
    return look;
}

static void count_pages(struct ns_tensor *sum, const struct ns_tensor *tensor, const struct ns_pages *pages,
                        const int *found) {
    const size_t size = ns_machine()->page_size;
    const uintptr_t end = tensor->address + tensor->byte_length;
    for (size_t i = 0; i < pages->count; i++) {
        uintptr_t from = pages->first + i * size, to = from + size;
        if (from < tensor->address) from = tensor->address;
        if (to > end) to = end;
        const int index = found[i] < 0 ? -1 : ns_node_index(found[i]);
        if (index >= 0) sum->node_bytes[index] += to - from;
        else if (found[i] == -ENOENT) sum->absent += to - from;
        else sum->unknown += to - from;
    }
    sum->byte_length += tensor->byte_length;
}

static void look_at(const struct ns_tensor *tensor) {
    const size_t size = ns_machine()->page_size;
    struct ns_pages pages = {.first = tensor->address & ~(size - 1)};
    pages.count = (tensor->address + tensor->byte_length - pages.first + size - 1) / size;
    pages.want = calloc(pages.count, sizeof *pages.want); /* wherever it is */
    int *found = calloc(pages.count, sizeof *found);
    struct last_look *look = found && pages.want ? look_for(tensor) : NULL;
    if (look) {
        ns_pages_locate(&pages, found);
        count_pages(&look->sum, tensor, &pages, found);
    }
    free(found);
    free(pages.want);
}

void ns_last_look(const void *handle) {
    if (!ns_graph_count()) return;
    for (size_t i = 0; i < ns_registry_count(); i++) {
        const struct ns_tensor *tensor = ns_registry_at(i);
        if (tensor->handle == handle && tensor->kind == NS_OTHER && !tensor->is_part && tensor->on_host) look_at(tensor);
    }
}

static bool is_live(const char *name) {
    for (size_t i = 0; i < ns_registry_count(); i++)
        if (ns_registry_at(i)->kind == NS_OTHER && strcmp(ns_registry_at(i)->name, name) == 0) return true;
    return false;
}

const struct ns_tensor *ns_last_look_at(size_t index) {
    const struct ns_tensor *sum = index < sizeof looks / sizeof *looks ? &looks[index].sum : NULL;
    return sum && sum->byte_length && !is_live(sum->name) ? sum : NULL;
}
