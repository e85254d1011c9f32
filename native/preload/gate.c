// SPDX-License-Identifier: MIT
// The gate of `numashard run --verify`: after the last token, before the weights go, this process waits
// while another one asks the kernel where they are. Nobody there: no waiting.
#include "preload.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../include/numashard-env.h"

/* A verifier that does not answer must not hold a server for ever. */
#define NS_GATE_MILLISECONDS 300000

static int connect_gate(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -1;
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

void ns_gate_wait(void) {
    static _Atomic uint64_t graphs_at_last_gate;
    const char *path = getenv(NUMASHARD_ENV_GATE);
    uint64_t graphs = ns_graph_count();
    if (!path || !*path || atomic_exchange(&graphs_at_last_gate, graphs) == graphs) return;
    ns_report_changed();
    ns_report_write();
    int fd = connect_gate(path);
    if (fd < 0) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (send(fd, text, (size_t)length, MSG_NOSIGNAL) == length) {
        struct pollfd answer = {.fd = fd, .events = POLLIN};
        poll(&answer, 1, NS_GATE_MILLISECONDS);
    }
    close(fd);
}

__attribute__((destructor)) static void at_exit(void) {
    if (!ns_graph_count()) return;
    ns_gate_wait();
    ns_report_remove();
}
