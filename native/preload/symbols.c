// SPDX-License-Identifier: MIT
// Finds the functions that we stand in front of. Backends are loaded RTLD_LOCAL, so dlsym(RTLD_NEXT) alone
// finds nothing: the object that called us is asked first, then every loaded object of ggml.
#include "preload.h"

#include <dlfcn.h>
#include <link.h>
#include <string.h>

static void *in_object(const char *path, const char *name) {
    void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    if (!handle) return NULL;
    void *found = dlsym(handle, name);
    dlclose(handle); /* drops our count only: the object stays as loaded as it was */
    return found;
}

bool ns_same_object(void *one, void *other) {
    Dl_info first, second;
    return dladdr(one, &first) && dladdr(other, &second) && first.dli_fbase == second.dli_fbase;
}

/* What lies in this library is the stand-in, not the real function. */
static bool is_real(void *function) { return function && !ns_same_object((void *)ns_same_object, function); }

void *ns_symbol_of(void *address, const char *name) {
    Dl_info info;
    void *found = address && dladdr(address, &info) && info.dli_fname ? in_object(info.dli_fname, name) : NULL;
    return is_real(found) ? found : NULL;
}

/* ---- every loaded object of ggml ---- */
struct listing {
    int skip;
    char path[4096];
};

static int next_ggml(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    struct listing *listing = context;
    if (!info->dlpi_name || !strstr(info->dlpi_name, "ggml") || listing->skip-- > 0) return 0;
    snprintf(listing->path, sizeof listing->path, "%s", info->dlpi_name);
    return 1;
}

/* dlopen() inside dl_iterate_phdr() would take the loader's locks in the wrong order: list first, then ask. */
static void *in_ggml(const char *name) {
    struct listing listing;
    for (int i = 0;; i++) {
        listing.skip = i;
        if (!dl_iterate_phdr(next_ggml, &listing)) return NULL;
        void *found = in_object(listing.path, name);
        if (is_real(found)) return found;
    }
}

void *ns_next(const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    return is_real(found) ? found : NULL;
}

static void *find_real(const char *name, void *caller) {
    const bool of_ggml = strncmp(name, "ggml_", 5) == 0 || strncmp(name, "gguf_", 5) == 0;
    void *found = of_ggml ? ns_symbol_of(caller, name) : NULL;
    Dl_info info;
    if (!found) found = ns_next(name);
    if (!found && of_ggml) found = in_ggml(name);
    /* We keep the pointer: its object must not be unloaded under us. */
    if (found && dladdr(found, &info) && info.dli_fname) dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
    return found;
}

/* ---- who calls ---- */
struct object {
    uintptr_t address, start, end;
    bool is_ggml_cpu;
};

static int find_object(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    struct object *object = context;
    uintptr_t start = UINTPTR_MAX, end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        uintptr_t first = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (first < start) start = first;
        if (first + info->dlpi_phdr[i].p_memsz > end) end = first + info->dlpi_phdr[i].p_memsz;
    }
    if (object->address < start || object->address >= end) return 0;
    const char *name = info->dlpi_name ? info->dlpi_name : "", *slash = strrchr(name, '/');
    object->is_ggml_cpu = strstr(slash ? slash : name, "ggml-cpu") != NULL;
    object->start = start;
    object->end = end;
    return 1;
}

void *ns_hook_real(struct ns_hook *hook, void *return_address, bool *is_ggml_cpu) {
    const int room = sizeof hook->callers / sizeof *hook->callers;
    const uintptr_t at = (uintptr_t)return_address;
    for (int i = 0; i < room; i++) {
        struct ns_caller *caller = &hook->callers[i];
        uintptr_t end = atomic_load_explicit(&caller->end, memory_order_acquire);
        if (at >= end || at < atomic_load_explicit(&caller->start, memory_order_relaxed)) continue;
        if (is_ggml_cpu) *is_ggml_cpu = caller->is_ggml_cpu;
        return caller->real;
    }
    void *real = find_real(hook->name, return_address);
    struct object object = {.address = at};
    bool known = dl_iterate_phdr(find_object, &object) != 0;
    if (is_ggml_cpu) *is_ggml_cpu = object.is_ggml_cpu;
    int slot = real && known && atomic_load(&hook->count) < room ? atomic_fetch_add(&hook->count, 1) : room;
    if (slot < room) {
        struct ns_caller *caller = &hook->callers[slot];
        caller->real = real;
        caller->is_ggml_cpu = object.is_ggml_cpu;
        atomic_store_explicit(&caller->start, object.start, memory_order_relaxed);
        atomic_store_explicit(&caller->end, object.end, memory_order_release);
    }
    return real;
}
