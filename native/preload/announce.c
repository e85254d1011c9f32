// SPDX-License-Identifier: MIT
// Where ggml shows us its tensors: ggml_backend_tensor_alloc() names every weight with its final address
// before data is written there. Mapped, repacked, KV and compute buffers all come through here.
#include "preload.h"

#include <errno.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#include <sys/prctl.h>
#endif

/* ggml_backend_buffer_usage of ggml-backend.h. */
#define NS_USAGE_COMPUTE 2

/* The buffer last seen to lie in no file mapping: one look at /proc/self/maps for all its tensors. */
static void *unmapped;

/* ---- compute and KV buffers are interleaved as a whole ---- */
#define NS_MAX_BUFFERS 4096 /* contexts times backends; a further buffer is left alone */
static struct buffer {
    void *handle;
    uintptr_t start, end;
} buffers[NS_MAX_BUFFERS];
static int buffer_count;

/* True when the buffer is new to us. */
static bool remember_buffer(void *handle, uintptr_t start, uintptr_t end) {
    const struct buffer fresh = {handle, start, end};
    for (int i = 0; i < buffer_count; i++) {
        if (buffers[i].handle != handle) continue;
        bool same = buffers[i].start == start && buffers[i].end == end;
        buffers[i] = fresh;
        return !same;
    }
    if (buffer_count == NS_MAX_BUFFERS) return false;
    buffers[buffer_count++] = fresh;
    return true;
}

static void forget_buffer(void *handle) {
    if (unmapped == handle) unmapped = NULL;
    for (int i = 0; i < buffer_count; i++)
        if (buffers[i].handle == handle) buffers[i] = buffers[--buffer_count];
}

static void interleave(uintptr_t start, uintptr_t end) {
    const size_t mask = ns_machine()->page_size - 1;
    const struct gns_shares *shares = &ns_config()->shares;
    struct ns_mask nodes = {{0}};
    for (int i = 0; i < shares->count; i++) ns_mask_set(&nodes, shares->nodes[i]);
    start = (start + mask) & ~mask;
    end &= ~mask;
    if (end > start && shares->count > 1) ns_mbind((void *)start, end - start, NS_MPOL_INTERLEAVE, &nodes); // NOLINT
}

/* A `name=` rule speaks of this buffer, or of this part of one: instead of being interleaved its pages are brought
 * into being where the rule says. No worker owns rows of it, so `rows` means page by page in turn. */
static bool place_named(struct ns_tensor *entry) {
    entry->rule = gns_map_find(&ns_config()->map, entry->name, -1, GNS_ROLE_OTHER);
    if (!entry->rule || !entry->on_host || !entry->byte_length || ns_config()->observe) return false;
    const size_t mask = ns_machine()->page_size - 1;
    const uintptr_t start = entry->address & ~mask, end = (entry->address + entry->byte_length + mask) & ~mask;
    entry->layer = -1;
    entry->role = GNS_ROLE_OTHER;
    entry->shape.rows = entry->shape.matrices = entry->shape.group = 1;
    entry->shape.row_bytes = entry->byte_length;
    entry->shape.cut = GNS_CUT_NONE;
    struct ns_tensor *kept = ns_registry_add(entry);
    ns_mbind((void *)start, end - start, NS_MPOL_DEFAULT, NULL); // NOLINT: an address is what we were given
    if (kept) ns_place(kept);
    return true;
}

/* Of the cache a rule may name single tensors, `cache_k_l0`: such a one is listed apart from its buffer. */
static void cache_tensor(const struct ns_ggml *ggml, const struct ns_tensor_view *view, const char *name,
                         const char *type_name, uintptr_t address) {
    struct ns_tensor part = {.kind = NS_OTHER, .is_part = true, .handle = view->buffer, .on_host = true, .file = ""};
    part.address = address;
    part.byte_length = ggml->alloc_size(view->buffer, view);
    snprintf(part.name, sizeof part.name, "%s", name);
    snprintf(part.buffer, sizeof part.buffer, "%s", type_name);
    place_named(&part);
}

static bool other_buffer(const struct ns_ggml *ggml, void *handle, const char *name, const char *type_name, bool host) {
    /* Elsewhere than in this memory, asking for the address may be a question over a network. */
    const uintptr_t start = host ? (uintptr_t)ggml->base(handle) : 0, size = ggml->size(handle);
    if (!size || !remember_buffer(handle, start, start + size)) return false;
    struct ns_tensor entry = {.kind = NS_OTHER, .handle = handle, .on_host = host, .address = start, .byte_length = size};
    entry.file = "";
    snprintf(entry.name, sizeof entry.name, "%s", name);
    snprintf(entry.buffer, sizeof entry.buffer, "%s", type_name);
    if (place_named(&entry)) return true;
    if (host && !ns_config()->observe) interleave(start, start + size);
    ns_registry_add(&entry);
    return true;
}

/* ---- weights ---- */
enum { GGML_TYPE_Q4_0 = 2, GGML_TYPE_Q2_K = 10, GGML_TYPE_Q6_K = 14 }; /* ggml.h */

/* Rows that a repacked layout keeps together: NB_COLS of what ggml-cpu's repack.cpp picks for the type here. */
static int64_t repack_group(int type) {
#if defined(__x86_64__)
    (void)type;
    return 8; /* AVX2 and AVX-512: every type */
#elif defined(__aarch64__)
    if (type >= GGML_TYPE_Q2_K && type <= GGML_TYPE_Q6_K) return 8;
    /* SVE of 256 bits with int8 products: 8 for Q4_0; HWCAP2_I8MM is bit 13. */
    bool wide = (getauxval(AT_HWCAP2) >> 13 & 1) && (prctl(PR_SVE_GET_VL) & PR_SVE_VL_LEN_MASK) == 32;
    return type == GGML_TYPE_Q4_0 && wide ? 8 : 4;
#elif defined(__riscv)
    (void)type;
    return 16;
#else
    (void)type;
    return 4; /* s390x; elsewhere nothing is repacked */
#endif
}

static void describe(struct ns_tensor *tensor, bool tied) {
    const int64_t *ne = tensor->ne, matrices = ne[2] * ne[3];
    gns_classify(tensor->name, tied, &tensor->layer, &tensor->role);
    tensor->shape.rows = ne[1];
    tensor->shape.matrices = matrices;
    tensor->shape.group = tensor->repacked ? repack_group(tensor->type) : 1;
    tensor->shape.cut = gns_default_cut(tensor->name, tensor->role, ne[1], matrices, tensor->repacked);
    tensor->byte_length = tensor->shape.row_bytes * (uint64_t)ne[1] * (uint64_t)matrices;
    tensor->rule = ns_config_rule(tensor);
    tensor->ours = tensor->rule || gns_is_language_weight(tensor->name);
}

/* AMX rows are longer than those of the file. */
static uint64_t row_bytes(const struct ns_ggml *ggml, const struct ns_tensor_view *view, const char *type_name) {
    const uint64_t rows = (uint64_t)view->ne[1] * (uint64_t)view->ne[2] * (uint64_t)view->ne[3];
    const size_t bytes = ggml->row_size(view->type, view->ne[0]);
    if (strncmp(type_name, "AMX", 3) != 0 || !rows) return bytes;
    const size_t taken = ggml->alloc_size(view->buffer, view);
    return taken % rows == 0 && taken / rows > bytes ? taken / rows : bytes;
}

static void weight(const struct ns_ggml *ggml, const struct ns_tensor_view *view, const char *name,
                   const char *type_name, bool host, uintptr_t address) {
    struct ns_tensor tensor = {.kind = NS_WEIGHT, .handle = view->buffer, .on_host = host, .type = view->type};
    snprintf(tensor.name, sizeof tensor.name, "%s", name);
    snprintf(tensor.buffer, sizeof tensor.buffer, "%s", type_name);
    memcpy(tensor.ne, view->ne, sizeof tensor.ne);
    tensor.address = address;
    tensor.file = ns_model_path();
    tensor.model = ns_model_id();
    tensor.repacked = strstr(type_name, "REPACK") != NULL;
    tensor.shape.row_bytes = row_bytes(ggml, view, type_name);
    const bool may_be_mapped = host && !tensor.repacked && view->buffer != unmapped;
    const struct ns_mapping *mapping = may_be_mapped ? ns_mapping_at(address) : NULL;
    if (may_be_mapped && !mapping) unmapped = view->buffer;
    if (mapping) {
        tensor.mapped = true;
        tensor.file = mapping->path;
        tensor.file_offset = mapping->file_offset + (address - mapping->start);
    }
    /* A tied embedding is announced twice: as the output matrix, and for look-ups; mapped, at one address. */
    bool tied = tensor.repacked;
    if (mapping && strcmp(name, "token_embd.weight") == 0) tied = ns_mapping_is_tied(mapping, address - mapping->start);
    describe(&tensor, tied);
    if (!tensor.byte_length) return;
    const struct ns_tensor *old = ns_registry_find(tensor.name, address);
    if (old && old->placed && old->mapped && old->byte_length == tensor.byte_length && mapping) return;
    if (old) ns_tally_forget(address & ~(ns_machine()->page_size - 1), address + tensor.byte_length);
    struct ns_tensor *kept = ns_registry_add(&tensor);
    if (kept && host && kept->ours && !ns_config()->observe) ns_place(kept);
}

static void announce(const struct ns_ggml *ggml, const struct ns_tensor_view *tensor, uintptr_t address) {
    void *buffer = tensor->buffer;
    const char *name = ggml->tensor_name(tensor), *type_name = ggml->type_name(ggml->buffer_type(buffer));
    const bool host = ggml->is_host(buffer) || ns_is_processor_type(type_name);
    bool is_loaded = false; /* contexts come after their models: a moment to report */
    pthread_mutex_lock(&ns_lock);
    if (!ns_totals.was_recut) ns_totals.placed_workers = ns_config()->share_sum;
    if (ggml->usage(buffer) == NS_USAGE_COMPUTE) is_loaded = other_buffer(ggml, buffer, "compute", type_name, host);
    else if (strncmp(name, "cache_", 6) == 0) {
        is_loaded = other_buffer(ggml, buffer, "kv", type_name, host);
        if (host) cache_tensor(ggml, tensor, name, type_name, address);
    } else weight(ggml, tensor, name, type_name, host, address);
    pthread_mutex_unlock(&ns_lock);
    if (is_loaded) ns_report_write();
}

NS_EXPORT int ggml_backend_tensor_alloc(void *buffer, struct ns_tensor_view *tensor, void *address) {
    static struct ns_hook hook = {.name = "ggml_backend_tensor_alloc"};
    int (*real)(void *, void *, void *);
    *(void **)&real = ns_hook_real(&hook, __builtin_return_address(0), NULL);
    if (!real) return -1; /* GGML_STATUS_FAILED */
    const int status = real(buffer, tensor, address), saved = errno;
    /* A tensor that does not name its buffer where we look for it is of another layout: not one to read. */
    const struct ns_ggml *ggml = status == 0 && tensor->buffer == buffer ? ns_ggml((void *)real) : NULL;
    if (ggml) announce(ggml, tensor, (uintptr_t)address);
    errno = saved;
    return status;
}

/* A policy on freed heap would colour later allocations: it goes before the memory does. */
static void before_free(const struct ns_ggml *ggml, void *buffer) {
    const size_t mask = ns_machine()->page_size - 1;
    ns_gate_wait_for(buffer, 0, 0);
    pthread_mutex_lock(&ns_lock);
    forget_buffer(buffer);
    ns_last_look(buffer);
    if (ns_registry_remove_buffer(buffer)) { /* in this memory, and not mapped: a mapping ends by munmap() */
        const uintptr_t base = (uintptr_t)ggml->base(buffer);
        const uintptr_t start = base & ~mask, end = (base + ggml->size(buffer) + mask) & ~mask;
        ns_tally_forget(start, end);
        ns_mbind((void *)start, end - start, NS_MPOL_DEFAULT, NULL); // NOLINT: an address is what we were given
    }
    pthread_mutex_unlock(&ns_lock);
}

NS_EXPORT void ggml_backend_buffer_free(void *buffer) {
    static struct ns_hook hook = {.name = "ggml_backend_buffer_free"};
    void (*real)(void *);
    *(void **)&real = ns_hook_real(&hook, __builtin_return_address(0), NULL);
    const int saved = errno;
    const struct ns_ggml *ggml = buffer && real ? ns_ggml((void *)real) : NULL;
    if (ggml) before_free(ggml, buffer);
    errno = saved;
    if (real) real(buffer);
}
