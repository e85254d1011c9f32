/* SPDX-License-Identifier: MIT */
/* Raw system calls: no libnuma in somebody else's process, and an interposed mmap must never reach a
 * resolver. Numbers and flags are the kernel's (include/uapi/linux/mempolicy.h, mman.h). */
#ifndef NUMASHARD_SYSCALLS_H
#define NUMASHARD_SYSCALLS_H

#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NS_MPOL_DEFAULT 0
#define NS_MPOL_PREFERRED 1
#define NS_MPOL_BIND 2
#define NS_MPOL_INTERLEAVE 3
#define NS_MPOL_MF_MOVE 2
#define NS_MADV_POPULATE_READ 22 /* Linux 5.14, as the next */
#define NS_MADV_POPULATE_WRITE 23

/* Node masks are this long everywhere: 1,024 nodes, the kernel's own maximum (CONFIG_NODES_SHIFT = 10). */
#define NS_MAX_NODES 1024
#define NS_MASK_WORDS (NS_MAX_NODES / (8 * sizeof(unsigned long)))

struct ns_mask {
    unsigned long words[NS_MASK_WORDS];
};

static inline void ns_mask_set(struct ns_mask *mask, int node) {
    size_t bits = 8 * sizeof(unsigned long);
    if (node >= 0 && node < NS_MAX_NODES) mask->words[(size_t)node / bits] |= 1UL << ((size_t)node % bits);
}

static inline long ns_mbind(void *address, size_t length, int mode, const struct ns_mask *mask) {
    return syscall(SYS_mbind, address, length, mode, mask ? mask->words : NULL, mask ? NS_MAX_NODES + 1UL : 0UL, 0);
}

static inline long ns_set_mempolicy(int mode, const struct ns_mask *mask) {
    return syscall(SYS_set_mempolicy, mode, mask ? mask->words : NULL, mask ? NS_MAX_NODES + 1UL : 0UL);
}

static inline long ns_get_mempolicy(int *mode, struct ns_mask *mask) {
    return syscall(SYS_get_mempolicy, mode, mask->words, NS_MAX_NODES + 1UL, NULL, 0UL);
}

/* nodes == NULL asks where the pages are; otherwise moves them there. */
static inline long ns_move_pages(unsigned long count, void **pages, const int *nodes, int *status) {
    return syscall(SYS_move_pages, 0, count, pages, nodes, status, nodes ? NS_MPOL_MF_MOVE : 0);
}

#endif
