// SPDX-License-Identifier: MIT
// Model files as llama.cpp mapped them. A mapping becomes a model's when ggml announces a tensor inside it;
// until then nothing is tracked, and munmap(2) costs one load.
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A process holds few models; a draft model, an adapter and a projector beside the split parts of one. */
#define NS_MAX_MAPPINGS 1024

/* munmap() looks here without the lock, since an allocator may call it while we hold it: slots never move,
 * and a slot without end overlaps nothing. */
static struct ns_mapping mappings[NS_MAX_MAPPINGS];
static _Atomic int slots_used;

static struct ns_mapping *free_slot(void) {
    int used = atomic_load(&slots_used);
    for (int i = 0; i < used; i++)
        if (!mappings[i].end) return &mappings[i];
    if (used == NS_MAX_MAPPINGS) return NULL;
    atomic_store(&slots_used, used + 1);
    return &mappings[used];
}

static void fill_slot(struct ns_mapping *slot, const struct ns_mapping *from, uintptr_t start, uintptr_t end) {
    slot->file_offset = from->file_offset;
    slot->path = from->path;
    slot->device = from->device;
    slot->inode = from->inode;
    slot->error = from->error;
    slot->is_hidden = from->is_hidden;
    slot->has_private = from->has_private;
    slot->is_held = from->is_held;
    slot->residency = from->residency;
    atomic_store(&slot->start, start);
    atomic_store(&slot->end, end);
}

static int open_regular(const char *path, struct stat *status) {
    /* Without O_NONBLOCK a pipe that took the file's place would hold us for ever. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return -1;
    if (fstat(fd, status) == 0 && S_ISREG(status->st_mode)) return fd;
    close(fd);
    errno = ESTALE;
    return -1;
}

/* The path is only as good as the file behind it. Maps name device and inode as the filesystem has them inside,
 * which btrfs and overlayfs do not tell stat(2): so a page of what the path opens is mapped too, and compared. */
static int verify(struct ns_mapping *mapping, const struct ns_vma *vma) {
    const size_t page = ns_machine()->page_size;
    struct ns_vma *ours = malloc(sizeof *ours);
    struct stat status;
    int fd = open_regular(vma->path, &status), error = fd < 0 ? errno : ours ? 0 : ENOMEM;
    void *sample = error ? MAP_FAILED : (void *)syscall(SYS_mmap, NULL, page, PROT_READ, MAP_SHARED, fd, 0L);
    if (!error && sample == MAP_FAILED) error = errno;
    if (!error) {
        bool same = ns_vma_at((uintptr_t)sample, ours) && ours->inode == vma->inode && !strcmp(ours->device, vma->device);
        error = same ? 0 : ESTALE;
        mapping->device = status.st_dev;
        mapping->inode = status.st_ino;
        mapping->is_hidden = geteuid() != status.st_uid && faccessat(AT_FDCWD, vma->path, W_OK, AT_EACCESS) != 0;
        syscall(SYS_munmap, sample, page);
    }
    if (fd >= 0) close(fd);
    free(ours);
    return error;
}

static struct ns_mapping *remember(const struct ns_vma *vma) {
    struct ns_mapping *slot = free_slot();
    if (!slot) return NULL;
    struct ns_mapping fresh = {.file_offset = vma->file_offset, .path = ns_intern(vma->path)};
    fresh.error = verify(&fresh, vma);
    fill_slot(slot, &fresh, vma->start, vma->end);
    return slot;
}

struct ns_mapping *ns_mapping_at(uintptr_t address) {
    for (int i = 0; i < atomic_load(&slots_used); i++)
        if (address >= mappings[i].start && address < mappings[i].end) return &mappings[i];
    struct ns_vma *vma = malloc(sizeof *vma);
    struct ns_mapping *found = NULL;
    if (vma && ns_vma_at(address, vma) && strcmp(vma->permissions, "r--s") == 0 && vma->path[0] == '/')
        found = remember(vma);
    free(vma);
    return found;
}

int ns_mapping_open(const struct ns_mapping *mapping, uint64_t end) {
    struct stat status;
    int fd = mapping->error ? -1 : open_regular(mapping->path, &status);
    if (mapping->error) errno = mapping->error;
    if (fd < 0) return -1;
    if (status.st_dev == mapping->device && status.st_ino == mapping->inode && (uint64_t)status.st_size >= end) return fd;
    close(fd);
    errno = ESTALE;
    return -1;
}

/* Longest table of tensors that is looked at; DeepSeek's, with its tokenizer, has 5.5 MB. */
#define NS_MAX_HEADER (64u << 20)

bool ns_mapping_is_tied(const struct ns_mapping *mapping, uint64_t header_length) {
    /* A string in GGUF: length (uint64), then the text. Looked for as it is, wherever in the file the GGUF begins. */
    static const char output[] = "\x0d\0\0\0\0\0\0\0output.weight";
    static char buffer[1 << 16];
    size_t kept = 0;
    bool has_output = false, is_encoder = false;
    int fd = ns_mapping_open(mapping, mapping->file_offset);
    if (fd < 0) return false;
    if (header_length > NS_MAX_HEADER) header_length = NS_MAX_HEADER;
    for (uint64_t at = 0; at < header_length && !has_output && !is_encoder;) {
        size_t want = sizeof buffer - kept;
        if (want > header_length - at) want = (size_t)(header_length - at);
        ssize_t got = pread(fd, buffer + kept, want, (off_t)(mapping->file_offset + at));
        if (got <= 0) break;
        at += (uint64_t)got;
        size_t length = kept + (size_t)got;
        has_output = memmem(buffer, length, output, sizeof output - 1) != NULL;
        if (at == length) is_encoder = ns_header_is_encoder(buffer, length);
        kept = length < sizeof output ? length : sizeof output; /* the text may lie across two reads */
        memmove(buffer, buffer + length - kept, kept);
    }
    close(fd);
    return !has_output && !is_encoder && !ns_split_has_tensor(mapping->path, "output.weight");
}

static bool overlaps(const struct ns_mapping *mapping, uintptr_t start, uintptr_t end) {
    return start < mapping->end && end > mapping->start;
}

static void forget(uintptr_t start, uintptr_t end) {
    for (int i = 0; i < atomic_load(&slots_used); i++) {
        struct ns_mapping *mapping = &mappings[i];
        const uintptr_t first = mapping->start, last = mapping->end;
        if (!overlaps(mapping, start, end)) continue;
        struct ns_mapping rest = *mapping;
        rest.file_offset += end - first;
        atomic_store(&mapping->end, start > first ? start : 0);
        struct ns_mapping *slot = end < last ? free_slot() : NULL; /* without a slot the rest is found again */
        if (slot) fill_slot(slot, &rest, end, last);
    }
}

/* llama.cpp unmaps the unused ends of a model, and in the end all of it. */
NS_EXPORT int munmap(void *address, size_t length) {
    const int saved = errno, used = atomic_load(&slots_used);
    const uintptr_t start = (uintptr_t)address;
    bool touched = false;
    for (int i = 0; i < used && !touched; i++) touched = overlaps(&mappings[i], start, start + length);
    const size_t mask = touched ? ns_machine()->page_size - 1 : 0;
    if (touched && (start & mask) == 0) { /* else the kernel refuses */
        const uintptr_t end = (start + length + mask) & ~mask;
        ns_gate_wait_for(NULL, start, end);
        pthread_mutex_lock(&ns_lock);
        ns_registry_remove_range(start, end);
        ns_tally_forget(start, end);
        forget(start, end);
        pthread_mutex_unlock(&ns_lock);
        errno = saved;
    }
    return (int)syscall(SYS_munmap, address, length);
}

/* With ggml_is_numa() true, llama.cpp asks for random access over the whole file; repacking then reads its
 * source page by page in one thread. We take the answer true for the cut, not for this. */
NS_EXPORT int posix_madvise(void *address, size_t length, int advice) {
    const int saved = errno;
    if (advice == POSIX_MADV_RANDOM && ns_places) return 0;
    if (advice == POSIX_MADV_DONTNEED) return 0; /* as in glibc: the POSIX meaning must not lose data */
    const int error = syscall(SYS_madvise, address, length, advice) == 0 ? 0 : errno;
    errno = saved;
    return error;
}
