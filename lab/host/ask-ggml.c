// SPDX-License-Identifier: MIT
// Asks the real libggml-base what it knows and how it reads a GGUF; without its headers, which are another package.
//   types COUNT         one line a type: id, bytes of a block, elements of a block, name
//   read FILE OFFSET    what it finds in the GGUF that begins at OFFSET
//   time                for each path on standard input: one gguf_init_from_file(), the nanoseconds it took
// Source of truth for the declarations: ggml.h and gguf.h of ggml 0.27.
#include <dlfcn.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct gguf_init_params {
    bool no_alloc;
    void **ctx;
};

static void *library;

static void *function(const char *name) {
    void *found = dlsym(library, name);
    if (found) return found;
    fprintf(stderr, "%s\n", dlerror());
    exit(2);
}

/* C has no cast from an object pointer to a function pointer; POSIX has dlsym(). */
#define ASK(result, name, ...) \
    result (*name)(__VA_ARGS__); \
    *(void **)&name = function(#name)

static int types(int count) {
    ASK(const char *, ggml_type_name, int);
    ASK(size_t, ggml_type_size, int);
    ASK(int64_t, ggml_blck_size, int);
    for (int id = 0; id < count; id++) {
        const char *name = ggml_type_name(id);
        printf("%d\t%zu\t%" PRId64 "\t%s\n", id, ggml_type_size(id), ggml_blck_size(id), name ? name : "");
    }
    return 0;
}

static int read_at(const char *path, long offset) {
    ASK(void *, gguf_init_from_file_ptr, FILE *, struct gguf_init_params);
    ASK(uint32_t, gguf_get_version, const void *);
    ASK(size_t, gguf_get_alignment, const void *);
    ASK(size_t, gguf_get_data_offset, const void *);
    ASK(int64_t, gguf_get_n_kv, const void *);
    ASK(int64_t, gguf_get_n_tensors, const void *);
    ASK(const char *, gguf_get_key, const void *, int64_t);
    ASK(const char *, gguf_get_tensor_name, const void *, int64_t);
    ASK(size_t, gguf_get_tensor_offset, const void *, int64_t);
    ASK(size_t, gguf_get_tensor_size, const void *, int64_t);
    ASK(int, gguf_get_tensor_type, const void *, int64_t);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, offset, SEEK_SET) != 0) return 2;
    struct gguf_init_params params = {.no_alloc = true, .ctx = NULL};
    void *gguf = gguf_init_from_file_ptr(file, params);
    if (!gguf) return 1;
    printf("version\t%u\nalignment\t%zu\n", gguf_get_version(gguf), gguf_get_alignment(gguf));
    const size_t data = gguf_get_data_offset(gguf);
    for (int64_t i = 0; i < gguf_get_n_kv(gguf); i++) printf("key\t%s\n", gguf_get_key(gguf, i));
    for (int64_t i = 0; i < gguf_get_n_tensors(gguf); i++)
        printf("tensor\t%s\t%d\t%zu\t%zu\n", gguf_get_tensor_name(gguf, i), gguf_get_tensor_type(gguf, i),
               gguf_get_tensor_size(gguf, i), data + gguf_get_tensor_offset(gguf, i));
    return 0;
}

static int time_all(void) {
    ASK(void *, gguf_init_from_file, const char *, struct gguf_init_params);
    ASK(void, gguf_free, void *);
    static char path[4096];
    struct gguf_init_params params = {.no_alloc = true, .ctx = NULL};
    while (fgets(path, sizeof path, stdin)) {
        struct timespec start, end;
        path[strcspn(path, "\n")] = '\0';
        clock_gettime(CLOCK_MONOTONIC, &start);
        void *gguf = gguf_init_from_file(path, params);
        clock_gettime(CLOCK_MONOTONIC, &end);
        if (!gguf) return 1;
        gguf_free(gguf);
        printf("%" PRId64 "\n", (int64_t)(end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec - start.tv_nsec);
        fflush(stdout);
    }
    return 0;
}

int main(int count, char **words) {
    library = dlopen("libggml-base.so.0", RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 2;
    }
    if (count == 3 && strcmp(words[1], "types") == 0) return types(atoi(words[2]));
    if (count == 4 && strcmp(words[1], "read") == 0) return read_at(words[2], atol(words[3]));
    if (count == 2 && strcmp(words[1], "time") == 0) return time_all();
    fprintf(stderr, "usage: ask-ggml types COUNT | read FILE OFFSET | time\n");
    return 2;
}
