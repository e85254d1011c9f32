// SPDX-License-Identifier: MIT
// What the preload library looks for in a model's header: whether it has an output matrix of its own. It reads
// through a window; held against a search of the whole. Input: the file.
#include <sys/mman.h>

#include "fuzz.h"

/* These belong to the process that runs us. */
#define munmap fuzz_unused_munmap
#define posix_madvise fuzz_unused_posix_madvise
#include "../preload/mappings.c"
#undef munmap

/* What mappings.c needs of the rest of the library, none of which is reached from here. */
pthread_mutex_t ns_lock = PTHREAD_MUTEX_INITIALIZER;
_Atomic bool ns_rows;
const struct ns_machine *ns_machine(void) { abort(); }
const char *ns_intern(const char *text) { return text; }
bool ns_vma_at(uintptr_t address, struct ns_vma *out) { return (void)address, (void)out, false; }
void ns_gate_wait_for(void *handle, uintptr_t start, uintptr_t end) { (void)handle, (void)start, (void)end; }
void ns_registry_remove_range(uintptr_t start, uintptr_t end) { (void)start, (void)end; }
void ns_tally_forget(uintptr_t start, uintptr_t end) { (void)start, (void)end; }

static bool has(const uint8_t *data, size_t size, const char *word, size_t length) {
    return size && memmem(data, size, word, length) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char path[64];
    static int fd = -1;
    static uint8_t *file; /* ours to write; what is long repeats the input, so that it spans several windows */
    enum { ROOM = 1 << 18 };
    if (fd < 0) {
        fd = memfd_create("model", MFD_CLOEXEC);
        if (fd < 0 || ftruncate(fd, ROOM) != 0) exit(1);
        file = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (file == MAP_FAILED) exit(1);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    struct fuzz_input input = {data, size};
    const size_t gap = (size_t)fuzz_number(&input, 0, ROOM / 2);
    const size_t offset = fuzz_number(&input, 0, 1) ? 4096 : 0;
    const size_t length = input.left < 4096 ? input.left : 4096, end = offset + gap + length;
    memset(file, 'x', end);
    memcpy(file + offset + gap, input.at, length);
    struct stat status;
    if (fstat(fd, &status) != 0) exit(1);
    const struct ns_mapping mapping = {
        .file_offset = offset, .path = path, .device = status.st_dev, .inode = status.st_ino};
    const uint64_t header = gap + length;
    bool found = has(file + offset, header, "\x0d\0\0\0\0\0\0\0output.weight", 21) ||
                 has(file + offset, header, "\x0b\0\0\0\0\0\0\0split.count", 19);
    FUZZ_CHECK(ns_mapping_is_tied(&mapping, header) == !found);
    return 0;
}
