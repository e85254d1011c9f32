// SPDX-License-Identifier: MIT
// What of a program decides whether the kernel starts it in secure mode, in which ld.so(8) ignores LD_PRELOAD, and
// that JavaScript cannot ask for: file capabilities, and whether its mount takes them and the set-id bits seriously.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "pages.h"

/* Where file systems or the kernel know no such attribute, no program has one. */
static int has_capabilities(const char *path) {
    if (getxattr(path, "security.capability", NULL, 0) > 0) return 1;
    return errno == ENODATA || errno == ENOTSUP || errno == ENOSYS ? 0 : -1;
}

int command_program(const char *path) {
    struct statvfs mount;
    const int capabilities = has_capabilities(path);
    if (capabilities < 0 || statvfs(path, &mount) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return PAGES_UNUSABLE;
    }
    printf("capabilities %d nosuid %d\n", capabilities, (mount.f_flag & ST_NOSUID) != 0);
    return PAGES_DONE;
}
