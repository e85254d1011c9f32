// SPDX-License-Identifier: MIT
// Lines of text that our C reads one by one: /proc/self/maps, the shares of GGML_NUMA_SHARD_THREADS, requests to the
// page helper. Input: those three, with a NUL after each.
#include "kernel-files.h"

#include "../preload/config.c"
#include "../preload/vma.c"

static const int node_ids[] = {0, 1, 2, 8};
static struct ns_node nodes[4];

/* The machine that shares are held against: node 2 has no CPUs. */
const struct ns_node *ns_node_by_id(int id) {
    for (int i = 0; i < 4; i++)
        if (node_ids[i] == id) return &nodes[i];
    return NULL;
}

const struct ns_machine *ns_machine(void) {
    static struct ns_machine machine;
    for (int i = 0; i < 4; i++) nodes[i] = (struct ns_node){.id = node_ids[i], .has_memory = true, .cpu_count = i != 2};
    return &machine;
}

static void check_maps(const char *text) {
    static const uintptr_t addresses[] = {0, 4096, 0x7f0000001000, UINTPTR_MAX};
    struct fuzz_file file = {"/proc/self/maps", text, strlen("/proc/self/maps"), strlen(text)};
    fuzz_files[0] = file;
    fuzz_file_count = 1;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        struct ns_vma vma;
        if (!ns_vma_at(addresses[i], &vma)) continue;
        FUZZ_CHECK(addresses[i] >= vma.start && addresses[i] < vma.end);
        FUZZ_CHECK(memchr(vma.permissions, 0, sizeof vma.permissions) && memchr(vma.device, 0, sizeof vma.device));
        FUZZ_CHECK(memchr(vma.path, 0, sizeof vma.path) != NULL);
    }
}

static void check_shares(const char *text) {
    ns_machine();
    if (!read_shares(text)) return;
    int sum = 0;
    FUZZ_CHECK(config.shares.count >= 1 && config.shares.count <= 3);
    for (int i = 0; i < config.shares.count; i++) {
        const struct ns_node *node = ns_node_by_id(config.shares.nodes[i]);
        FUZZ_CHECK(node && node->cpu_count && config.shares.weights[i] >= 1);
        sum += config.shares.weights[i];
    }
    FUZZ_CHECK(sum == config.share_sum);
    free((void *)config.shares.nodes);
    free((void *)config.shares.weights);
    config.shares = (struct gns_shares){0};
}

/* Complaints are for people, not for a fuzzer's log. */
static int say_nothing(FILE *stream, const char *format, ...) { return (void)stream, (void)format, 0; }

/* input.c has a parser of the same name as vma.c. */
#define parse parse_request
#define fprintf say_nothing
#include "../pages/input.c"
#undef fprintf

static void check_requests(char *text) {
    struct request request;
    int got;
    if (!*text) return;
    FILE *saved = stdin;
    stdin = fmemopen(text, strlen(text), "r");
    for (int i = 0; i < 64 && (got = read_request(&request, i % 2)) != 0; i++) {
        if (got < 0) continue;
        FUZZ_CHECK(request.start <= MAX_ADDRESS && request.length <= MAX_ADDRESS - request.start);
        FUZZ_CHECK(request.node >= 0 && request.node < NS_MAX_NODES);
    }
    fclose(stdin);
    stdin = saved;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    config.map.rows_rule = -1; /* no rows rule: shares may speak of every node */
    struct fuzz_input input = {data, size};
    char *maps = fuzz_text(&input), *shares = fuzz_text(&input), *requests = fuzz_text(&input);
    check_maps(maps);
    check_shares(shares);
    check_requests(requests);
    free(maps);
    free(shares);
    free(requests);
    return 0;
}
