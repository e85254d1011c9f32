// SPDX-License-Identifier: MIT
// The gate of `numashard run --verify`: after the last token, before the weights go, this process waits
// while another one asks the kernel where they are. Nobody there: no waiting.
#include "preload.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "../include/numashard-env.h"

/* A verifier that does not answer must not hold a server for ever. */
#define NS_GATE_SECONDS 300

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

/* Signals do not shorten it: a profiler's timer must not cost the look. */
static void await_answer(int fd) {
    struct pollfd answer = {.fd = fd, .events = POLLIN};
    const time_t end = time(NULL) + NS_GATE_SECONDS;
    for (time_t left = NS_GATE_SECONDS; left > 0; left = end - time(NULL))
        if (poll(&answer, 1, (int)left * 1000) >= 0 || errno != EINTR) return;
}

static void wait_at_gate(void) {
    static _Atomic uint64_t graphs_at_last_gate;
    const char *path = getenv(NUMASHARD_ENV_GATE);
    const uint64_t graphs = ns_graph_count();
    if (!path || !*path || atomic_exchange(&graphs_at_last_gate, graphs) == graphs) return;
    ns_report_changed();
    ns_report_write();
    int fd = connect_gate(path);
    if (fd < 0) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
    if (send(fd, text, (size_t)length, MSG_NOSIGNAL) == length) await_answer(fd);
    close(fd);
}

void ns_gate_wait_for(void *handle, uintptr_t start, uintptr_t end) {
    pthread_mutex_lock(&ns_lock);
    bool weights = ns_registry_has_weights(handle, start, end);
    pthread_mutex_unlock(&ns_lock);
    if (weights) wait_at_gate();
}

static pid_t first_process;
__attribute__((constructor)) static void at_start(void) { first_process = getpid(); }

__attribute__((destructor)) static void at_exit(void) {
    /* Where exit() is called in the middle of placing, the lock is never given back. */
    if (pthread_mutex_trylock(&ns_lock) != 0) return;
    pthread_mutex_unlock(&ns_lock);
    if (ns_graph_count() && getpid() == first_process) wait_at_gate(); /* not again for every child of fork() */
    ns_report_remove();
}
