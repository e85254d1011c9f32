// SPDX-License-Identifier: MIT
// The other parts of a split model (NAME-00002-of-00005.gguf): whether one of them holds a tensor. Walks through the
// headers as ggml's gguf.cpp does (versions 2 and 3, this machine's byte order); data is not read.
#include "preload.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Far above any model: what is beyond is not one, and is not walked through. */
enum { MAX_PARTS = 65535, MAX_KEYS = 1 << 16, MAX_TENSORS = 1 << 18, MAX_ELEMENTS = 1 << 26, MAX_NAME = 1024,
       MAX_HEADER = 64 << 20 }; /* DeepSeek's, with its tokenizer, has 5.5 MB */

struct reader {
    int fd;
    bool failed;
    uint64_t at; /* of the bytes after those in the buffer */
    size_t used, have;
    unsigned char bytes[1 << 16];
};

/* The next bytes, at most a buffer of them; NULL at the end of the file. */
static const unsigned char *take(struct reader *reader, size_t length) {
    while (!reader->failed && reader->have - reader->used < length) {
        memmove(reader->bytes, reader->bytes + reader->used, reader->have - reader->used);
        reader->have -= reader->used;
        reader->used = 0;
        const ssize_t got =
            pread(reader->fd, reader->bytes + reader->have, sizeof reader->bytes - reader->have, (off_t)reader->at);
        if (got <= 0 || reader->at > MAX_HEADER) reader->failed = true;
        else reader->have += (size_t)got, reader->at += (size_t)got;
    }
    if (reader->failed) return NULL;
    reader->used += length;
    return reader->bytes + reader->used - length;
}

static uint64_t number(struct reader *reader, size_t width) {
    uint32_t narrow = 0;
    uint64_t wide = 0;
    const unsigned char *bytes = take(reader, width);
    if (!bytes) return 0;
    memcpy(width == 4 ? (void *)&narrow : (void *)&wide, bytes, width);
    return width == 4 ? narrow : wide;
}

static void skip(struct reader *reader, uint64_t length) {
    const size_t left = reader->have - reader->used;
    if (length > (uint64_t)INT64_MAX - reader->at) reader->failed = true;
    if (length <= left) reader->used += (size_t)length;
    else reader->at += length - left, reader->used = reader->have = 0;
}

static uint64_t at_most(struct reader *reader, uint64_t value, uint64_t limit) {
    if (value > limit) reader->failed = true;
    return reader->failed ? 0 : value;
}

/* enum gguf_type: 8 is a string, 9 an array. */
static const unsigned char value_bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

static void skip_value(struct reader *reader) {
    uint64_t type = at_most(reader, number(reader, 4), sizeof value_bytes - 1), count = 1;
    if (type == 9) {
        type = at_most(reader, number(reader, 4), sizeof value_bytes - 1);
        count = at_most(reader, number(reader, 8), MAX_ELEMENTS);
    }
    if (type == 9) reader->failed = true; /* an array of arrays, which ggml refuses */
    if (type != 8) skip(reader, count * value_bytes[type]);
    else for (uint64_t i = 0; i < count && !reader->failed; i++) skip(reader, number(reader, 8));
}

static bool next_is(struct reader *reader, const char *name) {
    const uint64_t length = at_most(reader, number(reader, 8), MAX_NAME);
    const unsigned char *bytes = take(reader, (size_t)length);
    return bytes && length == strlen(name) && memcmp(bytes, name, (size_t)length) == 0;
}

static bool header_has(struct reader *reader, const char *name) {
    const unsigned char *magic = take(reader, 4);
    if (!magic || memcmp(magic, "GGUF", 4) != 0) return false;
    const uint64_t version = number(reader, 4);
    if (version != 2 && version != 3) return false;
    const uint64_t tensors = at_most(reader, number(reader, 8), MAX_TENSORS);
    const uint64_t keys = at_most(reader, number(reader, 8), MAX_KEYS);
    for (uint64_t i = 0; i < keys && !reader->failed; i++) {
        skip(reader, number(reader, 8));
        skip_value(reader);
    }
    for (uint64_t i = 0; i < tensors && !reader->failed; i++) {
        if (next_is(reader, name)) return true;
        const uint64_t dimensions = at_most(reader, number(reader, 4), 4);
        skip(reader, 8 * dimensions + 4 + 8); /* sizes, type, offset */
    }
    return false;
}

/* A path that ends in -00001-of-00005.gguf: where the number is, and of how many. */
static char *part_number(char *path, unsigned *count) {
    const size_t length = strlen(path), tail = strlen("00001-of-00005.gguf");
    char *number = path + length - tail;
    unsigned part = 0;
    int read = 0;
    if (length <= tail || number[-1] != '-') return NULL;
    if (sscanf(number, "%5u-of-%5u.gguf%n", &part, count, &read) != 2 || read != (int)tail) return NULL;
    return *count >= 2 && *count <= MAX_PARTS ? number : NULL;
}

bool ns_split_has_tensor(const char *path, const char *name) {
    static struct reader reader; /* under ns_lock, and too large for a thread's stack */
    static char part[PATH_MAX];
    unsigned count = 0;
    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part) return false;
    char *number = part_number(part, &count), digits[6];
    if (!number) return false;
    bool found = false;
    for (unsigned i = 1; i <= count && !found; i++) {
        struct stat status;
        snprintf(digits, sizeof digits, "%05u", i % 100000);
        memcpy(number, digits, 5);
        const int fd = open(part, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) break; /* llama.cpp would have refused the model */
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
            reader.fd = fd;
            reader.failed = false;
            reader.at = 0;
            reader.used = reader.have = 0;
            found = header_has(&reader, name);
        }
        close(fd);
    }
    return found;
}
