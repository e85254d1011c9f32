/* SPDX-License-Identifier: MIT */
/* A /sys and /proc made of the fuzzer's input: included before a source of ours, it gives that source these files
 * instead of the kernel's. Input: records "path, line feed, content", with byte 0x1e between them. */
#ifndef NUMASHARD_FUZZ_KERNEL_FILES_H
#define NUMASHARD_FUZZ_KERNEL_FILES_H

#include <dirent.h>
#include <unistd.h>

#include "fuzz.h"

#define FUZZ_MAX_FILES 256
struct fuzz_file {
    const char *path, *content;
    size_t path_length, length;
};
static struct fuzz_file fuzz_files[FUZZ_MAX_FILES];
static size_t fuzz_file_count;

/* `data` must outlive their use. */
static inline void fuzz_set_files(const uint8_t *data, size_t size) {
    const char *at = (const char *)data, *end = at + size;
    for (fuzz_file_count = 0; at < end && fuzz_file_count < FUZZ_MAX_FILES; fuzz_file_count++) {
        const char *stop = memchr(at, 0x1e, (size_t)(end - at));
        if (!stop) stop = end;
        const char *feed = memchr(at, '\n', (size_t)(stop - at)), *content = feed ? feed + 1 : stop;
        fuzz_files[fuzz_file_count] =
            (struct fuzz_file){at, content, (size_t)((feed ? feed : stop) - at), (size_t)(stop - content)};
        at = stop < end ? stop + 1 : end;
    }
}

static inline const struct fuzz_file *fuzz_find(const char *path) {
    size_t length = strlen(path);
    for (size_t i = 0; i < fuzz_file_count; i++)
        if (fuzz_files[i].path_length == length && memcmp(fuzz_files[i].path, path, length) == 0) return &fuzz_files[i];
    return NULL;
}

static inline FILE *fuzz_fopen(const char *path, const char *mode) {
    const struct fuzz_file *file = fuzz_find(path);
    static char nothing;
    (void)mode;
    if (!file) return NULL;
    return fmemopen(file->length ? (void *)file->content : &nothing, file->length, "r");
}

/* A folder is there when a file in it is. */
static inline int fuzz_access(const char *path, int mode) {
    size_t length = strlen(path);
    (void)mode;
    for (size_t i = 0; i < fuzz_file_count; i++) {
        const struct fuzz_file *file = &fuzz_files[i];
        if (file->path_length < length || (file->path_length > length && file->path[length] != '/')) continue;
        if (file->path[length - 1] == path[length - 1] && memcmp(file->path, path, length) == 0) return 0;
    }
    return -1;
}

static struct fuzz_directory {
    char prefix[128];
    size_t next;
    struct dirent entry;
} fuzz_directory;

static inline DIR *fuzz_opendir(const char *path) {
    fuzz_directory.next = 0;
    snprintf(fuzz_directory.prefix, sizeof fuzz_directory.prefix, "%s/", path);
    return fuzz_access(path, F_OK) == 0 ? (DIR *)(void *)&fuzz_directory : NULL;
}

static inline struct dirent *fuzz_readdir(DIR *opened) {
    struct fuzz_directory *directory = (struct fuzz_directory *)(void *)opened;
    size_t prefix = strlen(directory->prefix);
    while (directory->next < fuzz_file_count) {
        const struct fuzz_file *file = &fuzz_files[directory->next++];
        if (file->path_length <= prefix || memcmp(file->path, directory->prefix, prefix) != 0) continue;
        const char *name = file->path + prefix, *end = memchr(name, '/', file->path_length - prefix);
        size_t length = end ? (size_t)(end - name) : file->path_length - prefix;
        if (length >= sizeof directory->entry.d_name) continue;
        memcpy(directory->entry.d_name, name, length);
        directory->entry.d_name[length] = 0;
        return &directory->entry;
    }
    return NULL;
}

static inline int fuzz_closedir(DIR *opened) { return (void)opened, 0; }

#define fopen fuzz_fopen
#define access fuzz_access
#define opendir fuzz_opendir
#define readdir fuzz_readdir
#define closedir fuzz_closedir

#endif
