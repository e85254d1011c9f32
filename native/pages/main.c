// SPDX-License-Identifier: MIT
// Command line of the page helper; src/runtime/page-helper.ts is its only caller.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pages.h"

/* PID_MAX_LIMIT of 64-bit kernels (include/linux/threads.h). */
#define MAX_PID (1L << 22)

size_t page_bytes(void) {
    static size_t bytes;
    if (!bytes) bytes = (size_t)sysconf(_SC_PAGESIZE);
    return bytes;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "query") == 0) {
        char *end;
        const long pid = strtol(argv[2], &end, 10);
        if (!*end && pid >= 1 && pid <= MAX_PID) return command_query((pid_t)pid);
    }
    if (argc == 3 && strcmp(argv[1], "file-query") == 0) return command_file_query(argv[2]);
    if (argc == 3 && strcmp(argv[1], "file-place") == 0) return command_file_place(argv[2]);
    if (argc == 3 && strcmp(argv[1], "program") == 0) return command_program(argv[2]);
    fprintf(stderr, "usage: numashard-pages query PID | file-query FILE | file-place FILE | program FILE\n"
                    "standard input: lines \"start length [node]\" in bytes\n");
    return PAGES_WRONG_INPUT;
}
