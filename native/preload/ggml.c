// SPDX-License-Identifier: MIT
// The functions of ggml-base that we ask. They belong to one copy of it, the first that announces a tensor;
// what another copy in the same process does is passed through untouched.
#include "preload.h"

#include <string.h>

static struct ns_ggml ggml;
static void *_Atomic first_function;
static bool complete;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A child of fork() must not find the lock held by a thread that it does not have. */
static void before_fork(void) { pthread_mutex_lock(&ns_lock); }
static void after_fork(void) { pthread_mutex_unlock(&ns_lock); }

#define NS_RESOLVE(field, name) *(void **)&ggml.field = ns_symbol_of(first_function, name)

static void resolve(void) {
    const char *(*version)(void);
    NS_RESOLVE(usage, "ggml_backend_buffer_get_usage");
    NS_RESOLVE(is_host, "ggml_backend_buffer_is_host");
    NS_RESOLVE(buffer_type, "ggml_backend_buffer_get_type");
    NS_RESOLVE(type_name, "ggml_backend_buft_name");
    NS_RESOLVE(alloc_size, "ggml_backend_buffer_get_alloc_size");
    NS_RESOLVE(row_size, "ggml_row_size");
    NS_RESOLVE(tensor_name, "ggml_get_name");
    NS_RESOLVE(base, "ggml_backend_buffer_get_base");
    NS_RESOLVE(size, "ggml_backend_buffer_get_size");
    *(void **)&version = ns_symbol_of(first_function, "ggml_version");
    if (version) ggml.version = version();
    complete = ggml.usage && ggml.is_host && ggml.buffer_type && ggml.type_name && ggml.alloc_size && ggml.row_size &&
               ggml.tensor_name && ggml.base && ggml.size;
    if (!complete) ns_complain("this ggml lacks functions that numashard asks; the model runs as without it");
    pthread_atfork(before_fork, after_fork, after_fork);
}

const struct ns_ggml *ns_ggml(void *function) {
    static void *_Atomic last; /* one dladdr() for many calls of the same function */
    void *none = NULL;
    if (!ns_config()->active) return NULL;
    atomic_compare_exchange_strong(&first_function, &none, function);
    pthread_once(&once, resolve);
    if (!complete) return NULL;
    if (atomic_load(&last) == function) return &ggml;
    if (!ns_same_object(function, first_function)) return NULL;
    atomic_store(&last, function);
    return &ggml;
}

const char *ns_ggml_version(void) { return ggml.version; }

bool ns_is_processor_type(const char *type_name) {
    return strncmp(type_name, "CPU", 3) == 0 || strncmp(type_name, "AMX", 3) == 0;
}
