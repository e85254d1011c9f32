// SPDX-License-Identifier: MIT
// What still fits on a node, as native/preload/room.c sees it: a reader bound to a full node starts the OOM killer.
#include <stdlib.h>
#include <string.h>

#include "pages.h"

uint64_t room_on(int node) {
    /* Cache on the reclaim lists: neither shared memory nor what is locked. */
    static const char *const keys[] = {" MemFree:", " Active(file):", " Inactive(file):", " SReclaimable:"};
    char path[96], line[256];
    uint64_t room = 0, total = 0;
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/meminfo", node);
    FILE *file = fopen(path, "re");
    if (!file) return UINT64_MAX;
    while (fgets(line, sizeof line, file)) { /* "Node 0 MemFree:   123 kB" */
        const char *colon = strchr(line, ':');
        const uint64_t bytes = colon ? strtoull(colon + 1, NULL, 10) * 1024 : 0;
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
            if (strstr(line, keys[i])) room += bytes;
        if (strstr(line, " MemTotal:")) total = bytes;
    }
    fclose(file);
    return room > total / 32 ? room - total / 32 : 0;
}
