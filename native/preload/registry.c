// SPDX-License-Identifier: MIT
// The tensors that ggml announced and that still live, in the order of their announcement.
#include "preload.h"

#include <stdlib.h>
#include <string.h>

pthread_mutex_t ns_lock = PTHREAD_MUTEX_INITIALIZER;

static struct ns_tensor **tensors;
static size_t tensor_count, tensor_capacity;

static void release(struct ns_tensor *tensor) {
    ns_totals.huge_runs -= tensor->huge_runs;
    free(tensor->node_bytes);
    free(tensor);
}

/* Keeps those for which `goes` is false. */
static void remove_where(bool (*goes)(const struct ns_tensor *, const void *), const void *context) {
    size_t kept = 0;
    for (size_t i = 0; i < tensor_count; i++) {
        if (goes(tensors[i], context)) release(tensors[i]);
        else tensors[kept++] = tensors[i];
    }
    if (kept != tensor_count) ns_report_changed();
    tensor_count = kept;
}

static bool is_tensor(const struct ns_tensor *tensor, const void *context) { return tensor == context; }

struct ns_tensor *ns_registry_add(const struct ns_tensor *tensor) {
    /* A tensor at an address that another one held takes its place: buffers are freed and taken again. */
    const struct ns_tensor *old = ns_registry_find(tensor->name, tensor->address);
    if (old) remove_where(is_tensor, old);
    if (tensor_count == tensor_capacity) {
        size_t capacity = tensor_capacity ? 2 * tensor_capacity : 256;
        struct ns_tensor **grown = realloc(tensors, capacity * sizeof *grown);
        if (!grown) return NULL;
        tensors = grown;
        tensor_capacity = capacity;
    }
    struct ns_tensor *copy = malloc(sizeof *copy);
    if (!copy) return NULL;
    *copy = *tensor;
    copy->node_bytes = calloc((size_t)ns_machine()->count, sizeof *copy->node_bytes);
    if (!copy->node_bytes) {
        free(copy);
        return NULL;
    }
    tensors[tensor_count++] = copy;
    ns_report_changed();
    return copy;
}

struct ns_tensor *ns_registry_find(const char *name, uintptr_t address) {
    for (size_t i = 0; i < tensor_count; i++)
        if (tensors[i]->address == address && strcmp(tensors[i]->name, name) == 0) return tensors[i];
    return NULL;
}

struct ns_tensor *ns_registry_at(size_t index) { return index < tensor_count ? tensors[index] : NULL; }
size_t ns_registry_count(void) { return tensor_count; }

struct range {
    uintptr_t start, end;
};

static bool is_inside(const struct ns_tensor *tensor, const void *context) {
    const struct range *range = context;
    return tensor->on_host && tensor->address >= range->start && tensor->address < range->end;
}

static bool is_of_buffer(const struct ns_tensor *tensor, const void *handle) { return tensor->handle == handle; }

bool ns_registry_has_weights(void *handle, uintptr_t start, uintptr_t end) {
    const struct range range = {start, end};
    for (size_t i = 0; i < tensor_count; i++)
        if (tensors[i]->kind == NS_WEIGHT && (handle ? is_of_buffer(tensors[i], handle) : is_inside(tensors[i], &range)))
            return true;
    return false;
}

bool ns_registry_remove_buffer(void *handle) {
    bool policy = false;
    for (size_t i = 0; i < tensor_count; i++)
        policy = policy || (is_of_buffer(tensors[i], handle) && tensors[i]->on_host && !tensors[i]->mapped);
    remove_where(is_of_buffer, handle);
    return policy && !ns_config()->observe;
}

void ns_registry_remove_range(uintptr_t start, uintptr_t end) {
    const struct range range = {start, end};
    remove_where(is_inside, &range);
}

const char *ns_intern(const char *text) {
    static char **texts;
    static size_t count;
    for (size_t i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0) return texts[i];
    char **grown = realloc(texts, (count + 1) * sizeof *grown);
    if (!grown) return "";
    texts = grown;
    texts[count] = strdup(text);
    return texts[count] ? texts[count++] : "";
}
