// SPDX-License-Identifier: MIT
// warm-up BYTES FILE: what a start then finds is memory that was just used, and a file that is cached in full.
// A virtual machine gives free huge pages back to its host (Documentation/mm/free_page_reporting.rst), and whoever gets
// one first waits for the host; and the kernel may drop pages of a file at any time.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int fail(const char *what) { return perror(what), 1; }

int main(int argc, char **argv) {
    static char buffer[1 << 20];
    if (argc != 3) return 2;
    const size_t length = strtoull(argv[1], NULL, 10);
    char *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return fail("mmap");
    madvise(memory, length, MADV_HUGEPAGE);
    for (size_t at = 0; at < length; at += 4096) *(volatile char *)(memory + at) = 1;
    munmap(memory, length);
    const int fd = open(argv[2], O_RDONLY);
    if (fd < 0) return fail(argv[2]);
    ssize_t got;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) continue;
    return got < 0 ? fail(argv[2]) : 0;
}
