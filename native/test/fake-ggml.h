/* SPDX-License-Identifier: MIT */
/* As much of ggml as libnumashard.so sees of it: the same names, the same struct fields in the same places
 * (ggml.h, ggml-backend-impl.h, ggml-cpu.h), and calls that go through the PLT as ggml's own do. */
#ifndef FAKE_GGML_H
#define FAKE_GGML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FAKE_USAGE_ANY = 0, FAKE_USAGE_WEIGHTS = 1, FAKE_USAGE_COMPUTE = 2 };

struct fake_type {
    const char *name;
    bool is_host;
};

struct fake_buffer {
    struct fake_type *type;
    void *base;
    size_t size;
    int usage;
    bool owned;
};

struct ggml_tensor {
    int32_t type;
    struct fake_buffer *buffer;
    int64_t ne[4];
    void *data;
    char name[64];
};

struct ggml_cplan {
    size_t work_size;
    uint8_t *work_data;
    int n_threads;
    struct fake_pool *threadpool;
};

/* ggml-base */
int ggml_backend_tensor_alloc(struct fake_buffer *buffer, struct ggml_tensor *tensor, void *address);
int ggml_backend_buffer_get_usage(struct fake_buffer *buffer);
bool ggml_backend_buffer_is_host(struct fake_buffer *buffer);
struct fake_type *ggml_backend_buffer_get_type(struct fake_buffer *buffer);
const char *ggml_backend_buft_name(struct fake_type *type);
size_t ggml_backend_buffer_get_alloc_size(struct fake_buffer *buffer, const struct ggml_tensor *tensor);
size_t ggml_row_size(int type, int64_t elements);
const char *ggml_get_name(const struct ggml_tensor *tensor);
void *ggml_backend_buffer_get_base(struct fake_buffer *buffer);
size_t ggml_backend_buffer_get_size(struct fake_buffer *buffer);
void ggml_backend_buffer_free(struct fake_buffer *buffer);
size_t ggml_backend_buft_get_alignment(struct fake_type *type);
void *ggml_aligned_malloc(size_t size);
void ggml_aligned_free(void *memory, size_t size);
/* Instead of a context: tensors, one after the other; NULL where they do not fit into what was taken for them. */
struct fake_buffer *ggml_backend_alloc_ctx_tensors_from_buft(struct ggml_tensor **tensors, struct fake_type *type);
const char *ggml_version(void);
struct fake_buffer *fake_buffer_over(struct fake_type *type, void *base, size_t size, int usage);

/* ggml-cpu */
bool ggml_is_numa(void);
int ggml_graph_compute(void *graph, struct ggml_cplan *plan);
struct fake_pool *ggml_threadpool_new(const int *threads);
void fake_pool_free(struct fake_pool *pool);
/* Every worker asks ggml_is_numa() `operations` times; returns how many said yes. */
int fake_compute(int threads, int operations, struct fake_pool *pool);

#endif
