// SPDX-License-Identifier: MIT
// Preloaded into llama-bench: how long llama_model_load_from_file() takes, as a line of seconds on file descriptor 3.
// Nothing else of the process is in that figure: not its start, not the first token, not the end.
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* llama_model_params is passed by value and grows with llama.cpp's versions. On x86-64 such a structure lies on the
 * stack as the caller wrote it (System V ABI, class MEMORY): we hand on more than it has, and its reader takes what
 * it knows. */
#ifndef __x86_64__
#error "written for x86-64's calling convention"
#endif
struct parameters {
    char bytes[1024];
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

void *llama_model_load_from_file(const char *path, struct parameters parameters) {
    void *(*real)(const char *, struct parameters);
    *(void **)&real = dlsym(RTLD_NEXT, "llama_model_load_from_file");
    const double start = now();
    void *model = real(path, parameters);
    if (model) dprintf(3, "%.9f\n", now() - start);
    return model;
}
