// SPDX-License-Identifier: MIT
// When this process began, in the kernel's clock ticks since boot: with its id that names it for good, so that nobody
// takes the report of a dead process for that of one that has its number now. proc_pid_stat(5), field 22.
#include "preload.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define NS_START_FIELD 22

uint64_t ns_start_ticks(void) {
    char text[1024];
    const int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    const ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    if (length <= 0) return 0;
    text[length] = 0;
    /* The name, field 2, may hold anything: the fields after it follow its last ')'. */
    const char *at = strrchr(text, ')');
    for (int field = 2; at && field < NS_START_FIELD; field++) at = strchr(at + 1, ' ');
    return at ? strtoull(at + 1, NULL, 10) : 0;
}
