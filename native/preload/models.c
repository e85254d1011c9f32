// SPDX-License-Identifier: MIT
// Which model a weight belongs to. Tensor names repeat between models, and a repacked weight has no file behind it:
// so we look on while a thread opens a GGUF file, and what it announces from then on is that file's.
#include "preload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

NS_THREAD_LOCAL struct {
    const char *path; /* interned; NULL: opened by a way that we do not see */
    int id;           /* + 1; 0 until the first weight: a file may be opened for its metadata alone */
} loading;

/* "…-00002-of-00003.gguf": length of what all parts share, 0 where it is no such name or the first part. */
static size_t later_part(const char *path) {
    static const char digits[] = "0123456789";
    const size_t length = strlen(path), tail = sizeof "-00002-of-00003.gguf" - 1;
    if (length <= tail || strcmp(path + length - 5, ".gguf") != 0) return 0;
    const char *at = path + length - tail;
    const bool is_part = at[0] == '-' && strspn(at + 1, digits) == 5 && strncmp(at + 6, "-of-", 4) == 0 &&
                         strspn(at + 10, digits) == 5;
    return is_part && strncmp(at + 1, "00001", 5) != 0 ? length - tail : 0;
}

static void opened(const char *path) {
    char resolved[4096];
    const size_t shared = later_part(path);
    if (!realpath(path, resolved)) snprintf(resolved, sizeof resolved, "%s", path);
    const size_t same = shared && loading.path ? later_part(resolved) : 0;
    if (same && strlen(loading.path) == strlen(resolved) && strncmp(loading.path, resolved, same) == 0) return;
    pthread_mutex_lock(&ns_lock);
    loading.path = ns_intern(resolved);
    pthread_mutex_unlock(&ns_lock);
    loading.id = 0;
}

int ns_model_id(void) {
    static int count;
    if (!loading.id) loading.id = ++count;
    return loading.id - 1;
}

const char *ns_model_path(void) { return loading.path ? loading.path : ""; }

/* struct gguf_init_params (gguf.h). */
struct ns_gguf_parameters {
    bool no_alloc;
    void **context;
};

NS_EXPORT void *gguf_init_from_file(const char *path, struct ns_gguf_parameters parameters) {
    static struct ns_hook hook = {.name = "gguf_init_from_file"};
    void *(*real)(const char *, struct ns_gguf_parameters);
    *(void **)&real = ns_hook_real(&hook, __builtin_return_address(0), NULL);
    if (!real) return NULL;
    const int saved = errno;
    if (path && ns_ggml((void *)real)) opened(path);
    errno = saved;
    return real(path, parameters);
}

NS_EXPORT void *gguf_init_from_file_ptr(FILE *file, struct ns_gguf_parameters parameters) {
    static struct ns_hook hook = {.name = "gguf_init_from_file_ptr"};
    void *(*real)(FILE *, struct ns_gguf_parameters);
    *(void **)&real = ns_hook_real(&hook, __builtin_return_address(0), NULL);
    if (!real) return NULL;
    const int saved = errno;
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file ? fileno(file) : -1);
    if (file && ns_ggml((void *)real)) opened(link);
    errno = saved;
    return real(file, parameters);
}
