// SPDX-License-Identifier: MIT
/*
 * header-api ROOT METHOD [blind|limits]: the public functions on this machine, which may have one node. ROOT is a node
 * directory that shows two, 0 and 1; METHOD is how tensors are placed here: bind, preferred or first-touch. blind: the
 * kernel does not say where pages are; limits: with 32,769 runs as well. Prints what failed, and last the table; exit
 * code 1 if anything failed.
 */
#include "../include/ggml-numa-shard.h"
#include <sys/mman.h>

static int failures;

#define CHECK(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            printf("line %d: %s [%s]\n", __LINE__, #condition, ggml_numa_shard_error()); \
            failures++;                                                       \
        }                                                                     \
    } while (0)

static size_t page;
static int blind;

static char *map_pages(size_t count, int protection) {
    void *data = mmap(NULL, count * page, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) exit(2);
    return (char *)data;
}

static struct ggml_numa_shard_stats stats_now(void) {
    struct ggml_numa_shard_stats stats;
    ggml_numa_shard_get_stats(&stats);
    return stats;
}

static void refuses_wrong_maps(const char *root) {
    CHECK(gns_init("norm:0,atn:1", root) == -1);
    CHECK(strstr(ggml_numa_shard_error(), "column 8") != NULL && strstr(ggml_numa_shard_error(), "[map-role]") != NULL);
    CHECK(gns_init("attn:node2", root) == -1);
    CHECK(strstr(ggml_numa_shard_error(), "[map-node]") != NULL);
    CHECK(ggml_numa_shard_assign("blk.0.attn_q.weight", &page, sizeof page) == -1);
    CHECK(gns_init("observe", root) == 0);
    CHECK(gns_init("*:node0", "/nonexistent/sys/node") == 0); /* one node: flat */
    CHECK(gns_init(NULL, root) == 1);
    CHECK(ggml_numa_shard_error()[0] == '\0');
    ggml_numa_shard_cleanup();
}

static void places_whole_tensors(const char *root, const char *method) {
    char *data = map_pages(8, PROT_READ | PROT_WRITE);
    CHECK(gns_init("attn:node0,ffn:node1", root) == 1);
    CHECK(ggml_numa_shard_assign("blk.0.attn_q.weight", data, 4 * page) == 0);
    memset(data, 1, 4 * page);
    struct ggml_numa_shard_stats stats = stats_now();
    CHECK(stats.active == 1 && stats.tensors == 1 && stats.node_count == 2 && stats.refused_bytes == 0);
    CHECK(stats.nodes[0].asked_bytes == 4 * page && stats.nodes[0].found_bytes == (blind ? 0 : 4 * page));
    CHECK(stats.misplaced_bytes == 0 && stats.unknown_bytes == (blind ? 4 * page : 0));
    CHECK(strcmp(stats.method, method) == 0);

    int node = ggml_numa_shard_assign("blk.0.ffn_up.weight", data + 4 * page, 4 * page);
    stats = stats_now();
    CHECK(stats.nodes[1].asked_bytes == 4 * page);
    CHECK(node == 1 ? stats.refused_bytes == 0 : stats.refused_bytes == 4 * page); /* by what this machine has */
    CHECK(node == 1 || strcmp(method, "first-touch") == 0 || stats.unknown_bytes == 4 * page);
    ggml_numa_shard_cleanup();
    CHECK(stats_now().tensors == 0);
    munmap(data, 8 * page);
}

static void gives_shared_pages_to_the_larger_claim(const char *root) {
    char *data = map_pages(4, PROT_READ | PROT_WRITE);
    CHECK(gns_init("*:node0", root) == 1);
    CHECK(ggml_numa_shard_assign("a.weight", data, page / 4) == 0); /* alone on its page so far */
    CHECK(stats_now().nodes[0].asked_bytes == page);
    CHECK(ggml_numa_shard_assign("b.weight", data + page / 4, page / 4) == -1); /* no more than a's */
    CHECK(stats_now().nodes[0].asked_bytes == page);
    CHECK(ggml_numa_shard_assign("c.weight", data + page / 4, 2 * page) == 0); /* most of the first page, some of the third */
    CHECK(stats_now().nodes[0].asked_bytes == 3 * page);
    ggml_numa_shard_cleanup();
    munmap(data, 4 * page);
}

static void cuts_by_rows(const char *root) {
    char *data = map_pages(8, PROT_READ | PROT_WRITE);
    struct ggml_numa_shard_matrix matrix = {page / 4, 32, 1, 0, 0, 0};
    CHECK(gns_init("*:rows", root) == 1);
    ggml_numa_shard_assign_rows("blk.0.attn_q.weight", data, &matrix);
    struct ggml_numa_shard_stats stats = stats_now();
    CHECK(stats.nodes[0].asked_bytes == 4 * page && stats.nodes[1].asked_bytes == 4 * page);
    ggml_numa_shard_cleanup();

    CHECK(gns_init("*:rows", root) == 1);
    matrix.workers = 8;
    matrix.cut = GNS_CUT_NONE + 1; /* no fixed owner: interleaved */
    ggml_numa_shard_assign_rows("blk.0.attn_q.weight", data, &matrix);
    stats = stats_now();
    CHECK(stats.nodes[0].asked_bytes == 4 * page && stats.nodes[1].asked_bytes == 4 * page);
    matrix.rows = 0;
    CHECK(ggml_numa_shard_assign_rows("blk.0.attn_q.weight", data, &matrix) == -1);
    ggml_numa_shard_cleanup();
    munmap(data, 8 * page);
}

static void leaves_read_only_memory_alone(const char *root) {
    char *data = map_pages(2, PROT_READ);
    CHECK(gns_init("*:node0", root) == 1);
    int node = ggml_numa_shard_assign("blk.0.attn_q.weight", data, 2 * page);
    CHECK(node == 0 || (node == -1 && stats_now().refused_bytes == 2 * page));
    ggml_numa_shard_cleanup();
    munmap(data, 2 * page);
}

/* More runs than a process may have mappings for: what is past the limit is not placed, and it is said. */
static void stops_at_the_limit_of_runs(const char *root) {
    char *data = map_pages(GNS_MAX_RUNS + 1, PROT_READ | PROT_WRITE);
    int placed = 0;
    CHECK(gns_init("*:node0", root) == 1);
    for (size_t i = 0; i <= GNS_MAX_RUNS; i++) placed += ggml_numa_shard_assign("a.weight", data + i * page, page) == 0;
    CHECK(placed == GNS_MAX_RUNS && stats_now().refused_bytes == page);
    ggml_numa_shard_cleanup();
    munmap(data, (GNS_MAX_RUNS + 1) * page);
}

static void prints_the_table(const char *root) {
    char *data = map_pages(4, PROT_READ | PROT_WRITE);
    CHECK(gns_init("attn:node0,3.attn:node0,0-8.attn:node0", root) == 1);
    CHECK(ggml_numa_shard_assign("blk.3.attn_q.weight", data, 4 * page) == 0);
    memset(data, 1, 4 * page);
    ggml_numa_shard_stats();
    ggml_numa_shard_cleanup();
    munmap(data, 4 * page);
}

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    blind = argc > 3 && strcmp(argv[3], "blind") == 0;
    page = (size_t)sysconf(_SC_PAGESIZE);
    refuses_wrong_maps(argv[1]);
    places_whole_tensors(argv[1], argv[2]);
    gives_shared_pages_to_the_larger_claim(argv[1]);
    cuts_by_rows(argv[1]);
    leaves_read_only_memory_alone(argv[1]);
    if (argc > 3 && strcmp(argv[3], "limits") == 0) stops_at_the_limit_of_runs(argv[1]);
    prints_the_table(argv[1]);
    return failures > 0;
}
