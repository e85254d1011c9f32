// SPDX-License-Identifier: MIT
// Weight buffers start on a page boundary, and so does each tensor in them: what starts on a page has one owner
// less to share it with. Only inside ggml_backend_alloc_ctx_tensors_from_buft(), which allocates weights and KV.
#include "preload.h"

#include <errno.h>
#include <stdlib.h>

/* ggml-alloc.c adds up padded sizes, takes the memory, then lays tensors out in it, and aborts where they do not fit:
 * the last step may use pages only if the other two were seen to. */
NS_THREAD_LOCAL enum { NS_HANDS_OFF, NS_BEFORE_SIZES, NS_SIZES_PADDED, NS_MEMORY_ALIGNED } step;

NS_EXPORT void *ggml_backend_alloc_ctx_tensors_from_buft(void *context, void *buffer_type) {
    static struct ns_hook hook = {.name = "ggml_backend_alloc_ctx_tensors_from_buft"};
    void *(*real)(void *, void *);
    *(void **)&real = ns_hook_real(&hook, __builtin_return_address(0), NULL);
    if (!real) return NULL;
    const int saved = errno;
    const bool align = ns_ggml((void *)real) && !ns_config()->observe;
    errno = saved;
    step = align ? NS_BEFORE_SIZES : NS_HANDS_OFF;
    void *buffer = real(context, buffer_type);
    step = NS_HANDS_OFF;
    return buffer;
}

NS_EXPORT size_t ggml_backend_buft_get_alignment(void *buffer_type) {
    static struct ns_hook hook = {.name = "ggml_backend_buft_get_alignment"};
    size_t (*real)(void *);
    *(void **)&real = ns_hook_real(&hook, __builtin_return_address(0), NULL);
    if (!real) return 64; /* TENSOR_ALIGNMENT of ggml-impl.h */
    const size_t alignment = real(buffer_type), page = ns_machine()->page_size;
    const struct ns_ggml *ggml = step != NS_HANDS_OFF && alignment < page ? ns_ggml((void *)real) : NULL;
    if (!ggml || step == NS_SIZES_PADDED || !ns_is_processor_type(ggml->type_name(buffer_type))) return alignment;
    if (step == NS_BEFORE_SIZES) step = NS_SIZES_PADDED;
    return page;
}

/* glibc gives memory of its own to what is larger (DEFAULT_MMAP_THRESHOLD_MAX), and from the heap what is smaller than
 * anything freed before. Advice and policies on heap would outlive the weights and split it: so we ask for so much, of
 * which what nobody touches costs nothing. */
#define NS_ALWAYS_MAPPED (4 * 1024 * 1024 * sizeof(long))

static void *fresh_pages(size_t size) {
    void *memory = NULL;
    const size_t page = ns_machine()->page_size;
    if (size < NS_ALWAYS_MAPPED && posix_memalign(&memory, page, NS_ALWAYS_MAPPED) == 0) return memory;
    return posix_memalign(&memory, page, size) == 0 ? memory : NULL;
}

/* Freed by ggml_aligned_free(), which is free() on Linux; with libhbw (GGML_CPU_HBM) it is not. */
NS_EXPORT void *ggml_aligned_malloc(size_t size) {
    static struct ns_hook hook = {.name = "ggml_aligned_malloc"};
    void *(*real)(size_t);
    *(void **)&real = ns_hook_real(&hook, __builtin_return_address(0), NULL);
    const bool pages = step >= NS_SIZES_PADDED && !ns_symbol_of((void *)real, "hbw_posix_memalign");
    if (step == NS_BEFORE_SIZES) step = NS_HANDS_OFF;
    if (!pages) return real ? real(size) : NULL;
    void *memory = fresh_pages(size);
    if (memory) step = NS_MEMORY_ALIGNED;
    return memory;
}
