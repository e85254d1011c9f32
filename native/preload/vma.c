// SPDX-License-Identifier: MIT
// One line of /proc/self/maps: which file, from where, with which rights
// (Documentation/filesystems/proc.rst).
#include "preload.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool parse(char *line, struct ns_vma *vma) {
    int path_at = 0;
    line[strcspn(line, "\n")] = 0;
    if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %15s %" SCNu64 " %n", &vma->start, &vma->end,
               vma->permissions, &vma->file_offset, vma->device, &vma->inode, &path_at) < 6)
        return false;
    snprintf(vma->path, sizeof vma->path, "%s", path_at ? line + path_at : "");
    return true;
}

bool ns_vma_at(uintptr_t address, struct ns_vma *out) {
    FILE *maps = fopen("/proc/self/maps", "re");
    char *line = NULL;
    size_t room = 0;
    bool found = false;
    while (maps && !found && getline(&line, &room, maps) > 0)
        found = parse(line, out) && address >= out->start && address < out->end;
    free(line);
    if (maps) fclose(maps);
    return found;
}
