// SPDX-License-Identifier: MIT
// Where ggml shows us its tensors: ggml_backend_tensor_alloc() names every weight with its final address
// before data is written there. Mapped, repacked, KV and compute buffers all come through here.
#include "preload.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* What we ask ggml-base; resolved together at the first announcement. */
static struct {
    int (*usage)(void *buffer);
    bool (*is_host)(void *buffer);
    void *(*buffer_type)(void *buffer);
    const char *(*type_name)(void *buffer_type);
    size_t (*alloc_size)(void *buffer, void *tensor);
    size_t (*row_size)(int type, int64_t elements);
    const char *(*tensor_name)(void *tensor);
    void *(*base)(void *buffer);
    size_t (*size)(void *buffer);
    bool complete;
} ggml;
static pthread_once_t ggml_once = PTHREAD_ONCE_INIT;

#define NS_RESOLVE(field, name) *(void **)&ggml.field = ns_real(name, NULL)

static void resolve(void) {
    NS_RESOLVE(usage, "ggml_backend_buffer_get_usage");
    NS_RESOLVE(is_host, "ggml_backend_buffer_is_host");
    NS_RESOLVE(buffer_type, "ggml_backend_buffer_get_type");
    NS_RESOLVE(type_name, "ggml_backend_buft_name");
    NS_RESOLVE(alloc_size, "ggml_backend_buffer_get_alloc_size");
    NS_RESOLVE(row_size, "ggml_row_size");
    NS_RESOLVE(tensor_name, "ggml_get_name");
    NS_RESOLVE(base, "ggml_backend_buffer_get_base");
    NS_RESOLVE(size, "ggml_backend_buffer_get_size");
    ggml.complete = ggml.usage && ggml.is_host && ggml.buffer_type && ggml.type_name && ggml.alloc_size &&
                    ggml.row_size && ggml.tensor_name && ggml.base && ggml.size;
    if (!ggml.complete) ns_complain("this ggml lacks functions that numashard asks; the model runs as without it");
}

static bool active(void) {
    if (!ns_config()->active) return false;
    pthread_once(&ggml_once, resolve);
    return ggml.complete;
}

static bool is_processor_type(const char *type_name) {
    return strncmp(type_name, "CPU", 3) == 0 || strncmp(type_name, "AMX", 3) == 0;
}

static bool in_host_memory(void *buffer, const char *type_name) {
    /* Repacked buffers say they are no host buffers (their layout is their own), yet lie in this memory. */
    return ggml.is_host(buffer) || is_processor_type(type_name);
}

/* Rows that a repacked layout keeps together: the interleave of ggml-cpu's repack.cpp on this architecture. */
static int64_t repack_group(void) {
#if defined(__x86_64__)
    return 8;
#elif defined(__aarch64__)
    return 4;
#else
    return 16;
#endif
}

/* ---- buffers: compute and KV are interleaved as a whole ---- */
#define NS_MAX_BUFFERS 4096
static struct buffer {
    void *handle;
    uintptr_t start, end;
} buffers[NS_MAX_BUFFERS];
static int buffer_count;

static void interleave(uintptr_t start, uintptr_t end) {
    const size_t mask = ns_machine()->page_size - 1;
    struct ns_mask nodes = {{0}};
    const struct gns_shares *shares = &ns_config()->shares;
    for (int i = 0; i < shares->count; i++) ns_mask_set(&nodes, shares->nodes[i]);
    start = (start + mask) & ~mask;
    end &= ~mask;
    if (end > start && shares->count > 1)
        ns_mbind((void *)start, end - start, NS_MPOL_INTERLEAVE, &nodes); // NOLINT: an address is what we were given
}

/* True when the buffer is new to us. */
static bool remember_buffer(void *buffer, uintptr_t start, uintptr_t end) {
    for (int i = 0; i < buffer_count; i++) {
        if (buffers[i].handle != buffer) continue;
        bool same = buffers[i].start == start && buffers[i].end == end;
        buffers[i] = (struct buffer){buffer, start, end};
        return !same;
    }
    if (buffer_count < NS_MAX_BUFFERS) buffers[buffer_count++] = (struct buffer){buffer, start, end};
    return true;
}

static void forget_buffer(void *buffer, uintptr_t start, uintptr_t end) {
    const size_t mask = ns_machine()->page_size - 1;
    bool weights = false;
    pthread_mutex_lock(&ns_lock);
    for (size_t i = 0; i < ns_registry_count() && !weights; i++) {
        const struct ns_tensor *tensor = ns_registry_at(i);
        weights = tensor->kind == NS_WEIGHT && tensor->address >= start && tensor->address < end;
    }
    pthread_mutex_unlock(&ns_lock);
    if (weights) ns_gate_wait();
    pthread_mutex_lock(&ns_lock);
    bool mapped = ns_mapping_at(start) != NULL; /* the mapping outlives its buffer, and munmap comes later */
    if (!mapped) {
        ns_registry_remove(start, end);
        ns_tally_forget(start & ~mask, end);
        start = (start + mask) & ~mask;
        end &= ~mask;
        if (end > start && !ns_config()->observe)
            ns_mbind((void *)start, end - start, NS_MPOL_DEFAULT, NULL); // NOLINT: an address is what we were given
    }
    for (int i = 0; i < buffer_count; i++)
        if (buffers[i].handle == buffer) buffers[i] = buffers[--buffer_count];
    pthread_mutex_unlock(&ns_lock);
}

static void other_buffer(void *buffer, const char *name, const char *type_name, bool host) {
    uintptr_t start = (uintptr_t)ggml.base(buffer), end = start + ggml.size(buffer);
    if (!remember_buffer(buffer, start, end) || end == start) return;
    struct ns_tensor entry = {.kind = NS_OTHER, .on_host = host, .address = start, .byte_length = end - start};
    snprintf(entry.name, sizeof entry.name, "%s", name);
    snprintf(entry.buffer, sizeof entry.buffer, "%s", type_name);
    if (host && !ns_config()->observe) interleave(start, end);
    ns_registry_add(&entry);
}

/* Whether the model has an output matrix of its own, seen in the tensor table before the data: without one
 * the embedding is the output matrix, and is cut like one. */
static bool has_output_matrix(const struct ns_mapping *mapping, uintptr_t address) {
    static const char needle[] = "\x0d\0\0\0\0\0\0\0output.weight"; /* length (uint64), then the name */
    static const char *known_file;
    static bool known;
    const char *file = ns_intern(mapping->path);
    if (file == known_file) return known;
    known_file = file;
    known = memmem((void *)mapping->start, address - mapping->start, needle, sizeof needle - 1) != NULL; // NOLINT
    return known;
}

static void describe(struct ns_tensor *tensor, const int64_t *ne, bool tied) {
    gns_classify(tensor->name, tied, &tensor->layer, &tensor->role);
    const int64_t matrices = ne[2] * ne[3];
    memcpy(tensor->ne, ne, sizeof tensor->ne);
    tensor->shape = (struct gns_shape){
        .row_bytes = ggml.row_size(tensor->type, ne[0]),
        .rows = ne[1],
        .matrices = matrices,
        .group = tensor->repacked ? repack_group() : 1,
        .cut = gns_default_cut(tensor->name, tensor->role, ne[1], matrices, tensor->repacked),
    };
    tensor->byte_length = tensor->shape.row_bytes * (uint64_t)ne[1] * (uint64_t)matrices;
    tensor->rule = gns_map_find(&ns_config()->map, tensor->name, tensor->layer, tensor->role);
}

static void weight(const struct ns_tensor_view *view, const char *name, const char *type_name, bool host,
                   uintptr_t address) {
    struct ns_tensor tensor = {.kind = NS_WEIGHT, .on_host = host, .type = view->type, .address = address, .file = ""};
    snprintf(tensor.name, sizeof tensor.name, "%s", name);
    snprintf(tensor.buffer, sizeof tensor.buffer, "%s", type_name);
    tensor.repacked = strstr(type_name, "REPACK") != NULL;
    const struct ns_mapping *mapping = host && !tensor.repacked ? ns_mapping_at(address) : NULL;
    if (mapping) {
        tensor.mapped = true;
        tensor.file = ns_intern(mapping->path);
        tensor.file_offset = mapping->file_offset + (address - mapping->start);
    }
    /* A tied embedding is announced twice under repack: as the output matrix, and mapped for look-ups. */
    describe(&tensor, view->ne, tensor.repacked || (mapping && !has_output_matrix(mapping, address)));
    struct ns_tensor *kept = ns_registry_add(&tensor);
    /* Image encoders and adapters are reached by name alone; without a rule they are not ours to move. */
    bool ours = tensor.rule || gns_is_language_weight(name);
    if (kept && host && ours && !ns_config()->observe) ns_place(kept);
}

static void announce(void *buffer, const struct ns_tensor_view *tensor, uintptr_t address) {
    const char *name = ggml.tensor_name((void *)tensor); // NOLINT: ggml_get_name takes it const
    const char *type_name = ggml.type_name(ggml.buffer_type(buffer));
    const bool host = in_host_memory(buffer, type_name);
    pthread_mutex_lock(&ns_lock);
    if (ns_totals.placed_workers == 0 && !ns_totals.moved_for_workers) ns_totals.placed_workers = ns_config()->share_sum;
    if (ggml.usage(buffer) == NS_USAGE_COMPUTE) other_buffer(buffer, "compute", type_name, host);
    else if (strncmp(name, "cache_", 6) == 0) other_buffer(buffer, "kv", type_name, host);
    else weight(tensor, name, type_name, host, address);
    pthread_mutex_unlock(&ns_lock);
}

NS_EXPORT int ggml_backend_tensor_alloc(void *buffer, struct ns_tensor_view *tensor, void *address) {
    static int (*real)(void *, void *, void *);
    if (!real) *(void **)&real = ns_real("ggml_backend_tensor_alloc", __builtin_return_address(0));
    if (!real) return -1; /* GGML_STATUS_FAILED; cannot happen: whoever calls it has it loaded */
    int status = real(buffer, tensor, address);
    if (status == 0 && active()) announce(buffer, tensor, (uintptr_t)address);
    return status;
}

/* ---- page-aligned weight buffers: what starts on a page has one owner less to share it with ---- */
static _Thread_local int allocating_weights;

NS_EXPORT void *ggml_backend_alloc_ctx_tensors_from_buft(void *context, void *buffer_type) {
    static void *(*real)(void *, void *);
    if (!real) *(void **)&real = ns_real("ggml_backend_alloc_ctx_tensors_from_buft", __builtin_return_address(0));
    if (!real) return NULL;
    bool align = active() && !ns_config()->observe;
    allocating_weights += align;
    void *buffer = real(context, buffer_type);
    allocating_weights -= align;
    return buffer;
}

NS_EXPORT size_t ggml_backend_buft_get_alignment(void *buffer_type) {
    static size_t (*real)(void *);
    if (!real) *(void **)&real = ns_real("ggml_backend_buft_get_alignment", __builtin_return_address(0));
    if (!real) return 32; /* GGML_MEM_ALIGN's smallest common value; as above, cannot happen */
    size_t alignment = real(buffer_type), page = ns_machine()->page_size;
    return allocating_weights && alignment < page && active() && is_processor_type(ggml.type_name(buffer_type))
               ? page
               : alignment;
}

NS_EXPORT void *ggml_aligned_malloc(size_t size) {
    static void *(*real)(size_t);
    if (allocating_weights && size >= ns_machine()->page_size) {
        void *memory = NULL; /* freed by ggml_aligned_free(), which is free() on Linux */
        return posix_memalign(&memory, ns_machine()->page_size, size) == 0 ? memory : NULL;
    }
    if (!real) *(void **)&real = ns_real("ggml_aligned_malloc", __builtin_return_address(0));
    return real ? real(size) : NULL;
}

/* A policy on freed heap would colour later allocations: it goes before the memory does. */
NS_EXPORT void ggml_backend_buffer_free(void *buffer) {
    static void (*real)(void *);
    if (!real) *(void **)&real = ns_real("ggml_backend_buffer_free", __builtin_return_address(0));
    if (buffer && active()) {
        uintptr_t start = (uintptr_t)ggml.base(buffer), end = start + ggml.size(buffer);
        bool host = in_host_memory(buffer, ggml.type_name(ggml.buffer_type(buffer)));
        if (host && end > start) forget_buffer(buffer, start, end);
    }
    if (real) real(buffer);
}
