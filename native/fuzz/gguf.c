// SPDX-License-Identifier: MIT
// What the preload library looks for in a model's header: whether it has an output matrix of its own. It reads
// through a window; held against a search of the whole. The header of another part is walked through, tensor by tensor.
// Input: the file; its last bytes say how far into the mapping it begins.
#include <sys/mman.h>

#include "fuzz.h"

/* These belong to the process that runs us. */
#define munmap fuzz_unused_munmap
#define posix_madvise fuzz_unused_posix_madvise
#include "../preload/mappings.c"
#undef munmap
#include "../preload/encoder.c"
#include "../preload/split.c"

/* What mappings.c needs of the rest of the library, none of which is reached from here. */
pthread_mutex_t ns_lock = PTHREAD_MUTEX_INITIALIZER;
_Atomic bool ns_rows, ns_places;
const struct ns_machine *ns_machine(void) { abort(); }
const char *ns_intern(const char *text) { return text; }
bool ns_vma_at(uintptr_t address, struct ns_vma *out) { return (void)address, (void)out, false; }
void ns_gate_wait_for(void *handle, uintptr_t start, uintptr_t end) { (void)handle, (void)start, (void)end; }
void ns_registry_remove_range(uintptr_t start, uintptr_t end) { (void)start, (void)end; }
void ns_tally_forget(uintptr_t start, uintptr_t end) { (void)start, (void)end; }

static const char output[] = "\x0d\0\0\0\0\0\0\0output.weight";

static bool has_output(const uint8_t *data, size_t size) {
    return size && memmem(data, size, output, sizeof output - 1) != NULL;
}

enum { ROOM = 1 << 18 };
static uint8_t *file; /* ours to write */
static int file_fd = -1;

static void make_file(void) {
    file_fd = memfd_create("model", MFD_CLOEXEC);
    if (file_fd < 0 || ftruncate(file_fd, ROOM) != 0) exit(1);
    file = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_SHARED, file_fd, 0);
    if (file == MAP_FAILED) exit(1);
}

/* Of the first window alone; in memory of its own, so that a sanitizer sees where it ends. */
static bool is_encoder(const uint8_t *data, size_t size) {
    const size_t length = size < 1 << 16 ? size : 1 << 16;
    char *window = malloc(length + !length);
    if (!window) exit(1);
    memcpy(window, data, length);
    const bool is = ns_header_is_encoder(window, length);
    free(window);
    return is;
}

static void check_window(const uint8_t *data, size_t size) {
    char path[64];
    struct stat status;
    uint16_t tail[2] = {0};
    if (size >= sizeof tail) memcpy(tail, data + size - sizeof tail, sizeof tail);
    const size_t gap = tail[0] * 2u, offset = tail[1] % 2 ? 4096 : 0, length = size < 4096 ? size : 4096;
    memset(file, 'x', offset + gap);
    memcpy(file + offset + gap, data, length);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file_fd);
    if (fstat(file_fd, &status) != 0) exit(1);
    const struct ns_mapping mapping = {
        .file_offset = offset, .path = path, .device = status.st_dev, .inode = status.st_ino};
    const bool has = has_output(file + offset, gap + length) || is_encoder(file + offset, gap + length);
    FUZZ_CHECK(ns_mapping_is_tied(&mapping, gap + length) == !has);
}

static void check_walk(const uint8_t *data, size_t size) {
    static struct reader reader;
    const size_t length = size < ROOM ? size : ROOM;
    if (ftruncate(file_fd, 0) != 0 || ftruncate(file_fd, ROOM) != 0) exit(1);
    memcpy(file, data, length);
    reader = (struct reader){.fd = file_fd};
    FUZZ_CHECK(!header_has(&reader, "output.weight") || has_output(data, length));
}

static void check_name(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    char *path = fuzz_text(&input);
    unsigned count = 0;
    const char *number = part_number(path, &count);
    FUZZ_CHECK(!number || (number > path && strlen(number) == 19 && count >= 2));
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (file_fd < 0) make_file();
    check_window(data, size);
    check_walk(data, size);
    check_name(data, size);
    return 0;
}
