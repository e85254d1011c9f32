// SPDX-License-Identifier: MIT
// Stands in for libggml-base.so in the tests of libnumashard.so.
#include <stdio.h>
#include <stdlib.h>

#include "fake-ggml.h"

int ggml_backend_tensor_alloc(struct fake_buffer *buffer, struct ggml_tensor *tensor, void *address) {
    tensor->buffer = buffer;
    tensor->data = address;
    return 0;
}

int ggml_backend_buffer_get_usage(struct fake_buffer *buffer) { return buffer->usage; }
bool ggml_backend_buffer_is_host(struct fake_buffer *buffer) { return buffer->type->is_host; }
struct fake_type *ggml_backend_buffer_get_type(struct fake_buffer *buffer) { return buffer->type; }
const char *ggml_backend_buft_name(struct fake_type *type) { return type->name; }
void *ggml_backend_buffer_get_base(struct fake_buffer *buffer) { return buffer->base; }
size_t ggml_backend_buffer_get_size(struct fake_buffer *buffer) { return buffer->size; }
const char *ggml_get_name(const struct ggml_tensor *tensor) { return tensor->name; }
const char *ggml_version(void) { return "fake"; }

size_t ggml_row_size(int type, int64_t elements) {
    (void)type;
    return (size_t)elements; /* one byte each */
}

size_t ggml_backend_buffer_get_alloc_size(struct fake_buffer *buffer, const struct ggml_tensor *tensor) {
    (void)buffer;
    return (size_t)(tensor->ne[0] * tensor->ne[1] * tensor->ne[2] * tensor->ne[3]);
}

struct fake_buffer *fake_buffer_over(struct fake_type *type, void *base, size_t size, int usage) {
    struct fake_buffer *buffer = malloc(sizeof *buffer);
    if (buffer) *buffer = (struct fake_buffer){type, base, size, usage, false};
    return buffer;
}

void ggml_backend_buffer_free(struct fake_buffer *buffer) {
    if (buffer && buffer->owned) ggml_aligned_free(buffer->base, buffer->size);
    free(buffer);
}

size_t ggml_backend_buft_get_alignment(struct fake_type *type) {
    (void)type;
    return 64;
}

void *ggml_aligned_malloc(size_t size) {
    void *memory = NULL;
    return posix_memalign(&memory, 64, size) == 0 ? memory : NULL;
}

void ggml_aligned_free(void *memory, size_t size) {
    (void)size;
    free(memory);
}

/* In ggml's order: alignment, sizes, memory, alignment again, layout. */
struct fake_buffer *ggml_backend_alloc_ctx_tensors_from_buft(struct ggml_tensor **tensors, struct fake_type *type) {
    size_t alignment = ggml_backend_buft_get_alignment(type), size = 0;
    for (struct ggml_tensor **t = tensors; *t; t++)
        size += (ggml_backend_buffer_get_alloc_size(NULL, *t) + alignment - 1) / alignment * alignment;
    struct fake_buffer *buffer = fake_buffer_over(type, ggml_aligned_malloc(size), size, FAKE_USAGE_ANY);
    buffer->owned = true;
    alignment = ggml_backend_buft_get_alignment(type);
    uintptr_t at = ((uintptr_t)buffer->base + alignment - 1) / alignment * alignment;
    for (struct ggml_tensor **t = tensors; *t; t++) {
        size_t padded = (ggml_backend_buffer_get_alloc_size(NULL, *t) + alignment - 1) / alignment * alignment;
        if (at + padded > (uintptr_t)buffer->base + size) { /* ggml aborts */
            ggml_backend_buffer_free(buffer);
            return NULL;
        }
        ggml_backend_tensor_alloc(buffer, *t, (void *)at);
        at += padded;
    }
    return buffer;
}
