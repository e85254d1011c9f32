// SPDX-License-Identifier: MIT
/*
 * refuse bind|policy COMMAND…: runs a command for which the kernel refuses something, by seccomp.
 *   bind    mbind and set_mempolicy with MPOL_BIND alone, by the mode: EPERM
 *   policy  what Docker's default profile refuses: mbind, set_mempolicy, get_mempolicy and move_pages: EPERM
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MODE_BIND = 2, MODE_MASK = 0xff }; /* MPOL_BIND; above the mask are flags such as MPOL_F_STATIC_NODES */

/* The low half of an argument comes first where the machine is little-endian. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_HALF(index) (offsetof(struct seccomp_data, args) + 8 * (index))
#else
#define LOW_HALF(index) (offsetof(struct seccomp_data, args) + 8 * (index) + 4)
#endif
#define NUMBER offsetof(struct seccomp_data, nr)
#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define SKIP_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (count))
#define REFUSE BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter bind_filter[] = {
    LOAD(NUMBER), SKIP_UNLESS(SYS_mbind, 4),
    LOAD(LOW_HALF(2)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, MODE_MASK), SKIP_UNLESS(MODE_BIND, 1), REFUSE,
    LOAD(NUMBER), SKIP_UNLESS(SYS_set_mempolicy, 4),
    LOAD(LOW_HALF(0)), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, MODE_MASK), SKIP_UNLESS(MODE_BIND, 1), REFUSE,
    ALLOW,
};

static struct sock_filter policy_filter[] = {
    LOAD(NUMBER),
    SKIP_UNLESS(SYS_mbind, 1), REFUSE,
    SKIP_UNLESS(SYS_set_mempolicy, 1), REFUSE,
    SKIP_UNLESS(SYS_get_mempolicy, 1), REFUSE,
    SKIP_UNLESS(SYS_move_pages, 1), REFUSE,
    ALLOW,
};

int main(int argc, char **argv) {
    struct sock_fprog program = {sizeof bind_filter / sizeof *bind_filter, bind_filter};
    if (argc < 3) return 2;
    if (strcmp(argv[1], "policy") == 0) {
        program.len = sizeof policy_filter / sizeof *policy_filter;
        program.filter = policy_filter;
    } else if (strcmp(argv[1], "bind") != 0) {
        return 2;
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("seccomp");
        return 2;
    }
    execv(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
