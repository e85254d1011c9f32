// SPDX-License-Identifier: MIT
// Gives a file the capability to lock memory, as `setcap cap_ipc_lock=ep FILE` does where libcap's tools are at hand.
#include <linux/capability.h>
#include <stdio.h>
#include <sys/xattr.h>

int main(int argc, char **argv) {
    struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE};
    data.data[0].permitted = 1U << CAP_IPC_LOCK;
    if (argc == 2 && setxattr(argv[1], "security.capability", &data, sizeof data, 0) == 0) return 0;
    perror("grant-capability");
    return 1;
}
