// SPDX-License-Identifier: MIT
// The tensors that ggml announced and that still live, in the order of their announcement.
#include "preload.h"

#include <stdlib.h>
#include <string.h>

pthread_mutex_t ns_lock = PTHREAD_MUTEX_INITIALIZER;

static struct ns_tensor **tensors;
static size_t tensor_count, tensor_capacity;

/* A tensor at an address that another one held takes its place: buffers are freed and taken again. */
static void drop_same_address(const struct ns_tensor *tensor) {
    for (size_t i = 0; i < tensor_count; i++) {
        if (tensors[i]->address != tensor->address || strcmp(tensors[i]->name, tensor->name) != 0) continue;
        free(tensors[i]->node_bytes);
        free(tensors[i]);
        memmove(&tensors[i], &tensors[i + 1], (tensor_count - i - 1) * sizeof *tensors);
        tensor_count--;
        return;
    }
}

struct ns_tensor *ns_registry_add(const struct ns_tensor *tensor) {
    drop_same_address(tensor);
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
    return copy;
}

void ns_registry_remove(uintptr_t start, uintptr_t end) {
    size_t kept = 0;
    for (size_t i = 0; i < tensor_count; i++) {
        if (tensors[i]->address >= start && tensors[i]->address < end) {
            free(tensors[i]->node_bytes);
            free(tensors[i]);
        } else {
            tensors[kept++] = tensors[i];
        }
    }
    if (kept != tensor_count) ns_report_changed();
    tensor_count = kept;
}

struct ns_tensor *ns_registry_at(size_t index) { return index < tensor_count ? tensors[index] : NULL; }
size_t ns_registry_count(void) { return tensor_count; }

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
