// SPDX-License-Identifier: MIT
// Model files as llama.cpp mapped them. A mapping becomes a model's when ggml announces a tensor inside it;
// until then nothing is tracked. Source of truth: /proc/self/maps (Documentation/filesystems/proc.rst).
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A process holds few models; a draft model, an adapter and a projector beside the split parts of one. */
#define NS_MAX_MAPPINGS 1024

static struct ns_mapping *mappings[NS_MAX_MAPPINGS];
static _Atomic int mapping_count;

static const struct ns_mapping *remember(uintptr_t start, uintptr_t end, uint64_t offset, const char *path) {
    int count = atomic_load(&mapping_count);
    struct ns_mapping *mapping = count < NS_MAX_MAPPINGS ? calloc(1, sizeof *mapping) : NULL;
    if (!mapping) return NULL;
    *mapping = (struct ns_mapping){.start = start, .end = end, .file_offset = offset};
    snprintf(mapping->path, sizeof mapping->path, "%s", path);
    mappings[count] = mapping;
    atomic_store(&mapping_count, count + 1);
    return mapping;
}

const struct ns_mapping *ns_mapping_at(uintptr_t address) {
    for (int i = 0; i < atomic_load(&mapping_count); i++)
        if (address >= mappings[i]->start && address < mappings[i]->end) return mappings[i];
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) return NULL;
    char line[4500], permissions[8];
    const struct ns_mapping *found = NULL;
    uintptr_t start, end;
    uint64_t offset;
    int path_at;
    while (fgets(line, sizeof line, maps)) {
        path_at = 0;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s %" SCNx64 " %*s %*u %n", &start, &end, permissions, &offset,
                   &path_at) < 4)
            continue;
        if (address < start || address >= end) continue;
        line[strcspn(line, "\n")] = 0;
        bool shared_file = permissions[0] == 'r' && permissions[1] == '-' && permissions[3] == 's' &&
                           path_at && line[path_at] == '/';
        if (shared_file) found = remember(start, end, offset, line + path_at);
        break;
    }
    fclose(maps);
    return found;
}

int ns_mapping_open(const struct ns_mapping *mapping) {
    /* The path is only as good as the file behind it: the same inode must still be there. */
    struct stat by_path;
    int fd = open(mapping->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return -1;
    if (fstat(fd, &by_path) == 0 && S_ISREG(by_path.st_mode) &&
        (uint64_t)by_path.st_size >= mapping->file_offset + 1)
        return fd;
    close(fd);
    return -1;
}

void ns_mappings_forget(uintptr_t start, uintptr_t end) {
    for (int i = 0; i < atomic_load(&mapping_count);) {
        struct ns_mapping *mapping = mappings[i];
        if (start <= mapping->start && end >= mapping->end) { /* gone as a whole */
            int last = atomic_load(&mapping_count) - 1;
            mappings[i] = mappings[last];
            atomic_store(&mapping_count, last);
            free(mapping);
            continue;
        }
        if (start <= mapping->start && end > mapping->start) {
            mapping->file_offset += end - mapping->start;
            mapping->start = end;
        } else if (start < mapping->end && end >= mapping->end) {
            mapping->end = start;
        }
        i++;
    }
}

/* llama.cpp unmaps the unused ends of a model, and in the end all of it. */
NS_EXPORT int munmap(void *address, size_t length) {
    if (atomic_load(&mapping_count) > 0 && length > 0) {
        uintptr_t start = (uintptr_t)address, mask = ns_machine()->page_size - 1;
        uintptr_t end = (start + length + mask) & ~mask;
        bool touched = false;
        for (int i = 0; i < atomic_load(&mapping_count) && !touched; i++)
            touched = start < mappings[i]->end && end > mappings[i]->start;
        if (touched) {
            ns_gate_wait();
            pthread_mutex_lock(&ns_lock);
            ns_registry_remove(start, end);
            ns_tally_forget(start, end);
            ns_mappings_forget(start, end);
            pthread_mutex_unlock(&ns_lock);
        }
    }
    return (int)syscall(SYS_munmap, address, length);
}

/* With ggml_is_numa() true, llama.cpp asks for random access over the whole file; repacking then reads its
 * source page by page in one thread. We take the answer true for the cut, not for this. */
NS_EXPORT int posix_madvise(void *address, size_t length, int advice) {
    if (advice == POSIX_MADV_RANDOM && ns_config()->rows) return 0;
    if (advice == POSIX_MADV_DONTNEED) return 0; /* as in glibc: the POSIX meaning must not lose data */
    return syscall(SYS_madvise, address, length, advice) == 0 ? 0 : errno;
}
