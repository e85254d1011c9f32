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

/* True when the address lies in this library: then it is the stand-in, not the real function. */
static bool is_ours(void *address) {
    Dl_info ours, theirs;
    return dladdr((void *)ns_real, &ours) && dladdr(address, &theirs) && ours.dli_fbase == theirs.dli_fbase;
}

struct search {
    const char *name;
    void *found;
};

static int look_in(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    struct search *search = context;
    if (!info->dlpi_name || !strstr(info->dlpi_name, "ggml")) return 0;
    void *found = in_object(info->dlpi_name, search->name);
    if (!found || is_ours(found)) return 0;
    search->found = found;
    return 1;
}

void *ns_real(const char *name, void *caller) {
    Dl_info info;
    if (caller && dladdr(caller, &info) && info.dli_fname) {
        void *found = in_object(info.dli_fname, name);
        if (found && !is_ours(found)) return found;
    }
    void *next = dlsym(RTLD_NEXT, name);
    if (next && !is_ours(next)) return next;
    struct search search = {name, NULL};
    dl_iterate_phdr(look_in, &search);
    return search.found;
}

struct range {
    uintptr_t address, start, end;
};

static int find_range(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    struct range *range = context;
    uintptr_t start = UINTPTR_MAX, end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_LOAD) continue;
        uintptr_t first = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        if (first < start) start = first;
        if (first + info->dlpi_phdr[i].p_memsz > end) end = first + info->dlpi_phdr[i].p_memsz;
    }
    if (range->address < start || range->address >= end) return 0;
    if (info->dlpi_name && strstr(info->dlpi_name, "ggml-cpu")) {
        range->start = start;
        range->end = end;
    }
    return 1;
}

bool ns_in_ggml_cpu(void *address) {
    static _Atomic uintptr_t known_start, known_end;
    uintptr_t at = (uintptr_t)address;
    if (at >= atomic_load(&known_start) && at < atomic_load(&known_end)) return true;
    struct range range = {at, 0, 0};
    dl_iterate_phdr(find_range, &range);
    if (!range.end) return false;
    atomic_store(&known_start, range.start);
    atomic_store(&known_end, range.end);
    return true;
}
