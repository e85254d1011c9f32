// SPDX-License-Identifier: MIT
/*
 * header-placement MAP: places tensors with the public functions of the header on a machine of four nodes, fills them,
 * and prints one line of JSON: what assign answered, what get_stats says, and what two others say who do not ask the
 * header: the kernel's numa_maps, of each tensor, and move_pages, of all of them (null where it is refused).
 */
#include "../include/ggml-numa-shard.h"
#include <sys/mman.h>

enum { PAGES = 64, NODES = 4, ROWS = 128 };

static size_t page;

struct tensor {
    const char *name;
    int by_rows; /* through assign_rows, as a matrix of ROWS rows */
    char *data;
    int answer;
};

static struct tensor tensors[] = {
    {"blk.0.attn_q.weight", 0, NULL, -2}, {"blk.3.attn_q.weight", 1, NULL, -2}, {"blk.0.ffn_up.weight", 1, NULL, -2},
    {"blk.1.ffn_up_exps.weight", 1, NULL, -2}, {"blk.1.ssm_in.weight", 1, NULL, -2}, {"token_embd.weight", 1, NULL, -2},
    {"output.weight", 1, NULL, -2}, {"blk.2.attn_norm.weight", 0, NULL, -2}, {"blk.6.vis_x.weight", 0, NULL, -2},
};

enum { COUNT = sizeof tensors / sizeof *tensors };

/* Each in a mapping of its own, with a gap after it, so that numa_maps tells it apart. */
static void allocate(struct tensor *tensor) {
    char *data = (char *)mmap(NULL, (PAGES + 1) * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED || mprotect(data, PAGES * page, PROT_READ | PROT_WRITE) != 0) exit(2);
    tensor->data = data;
}

static void assign(struct tensor *tensor) {
    struct ggml_numa_shard_matrix matrix = {PAGES * page / ROWS, ROWS, 1, 0, 0, 8};
    if (strstr(tensor->name, "exps") != NULL) {
        matrix.rows = ROWS / 4;
        matrix.matrices = 4;
    }
    tensor->answer = tensor->by_rows ? ggml_numa_shard_assign_rows(tensor->name, tensor->data, &matrix)
                                     : ggml_numa_shard_assign(tensor->name, tensor->data, PAGES * page);
    memset(tensor->data, 7, PAGES * page);
}

/* Pages by node of what lies between two addresses: a policy splits a mapping. */
static void read_numa_maps(const struct tensor *tensor, long counts[NODES]) {
    char line[4096];
    FILE *file = fopen("/proc/self/numa_maps", "r");
    memset(counts, 0, NODES * sizeof *counts);
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        uintptr_t start = (uintptr_t)strtoull(line, NULL, 16), data = (uintptr_t)tensor->data;
        if (start < data || start >= data + PAGES * page) continue;
        for (int node = 0; node < NODES; node++) {
            char key[8];
            snprintf(key, sizeof key, " N%d=", node);
            const char *found = strstr(line, key);
            if (found != NULL) counts[node] += strtol(found + 4, NULL, 10);
        }
    }
    if (file != NULL) fclose(file);
}

static int ask_move_pages(long counts[NODES]) {
    memset(counts, 0, NODES * sizeof *counts);
    for (int i = 0; i < COUNT; i++) {
        void *pages[PAGES];
        int found[PAGES];
        for (size_t at = 0; at < PAGES; at++) pages[at] = tensors[i].data + at * page;
        if (syscall(SYS_move_pages, 0, (unsigned long)PAGES, pages, NULL, found, 0) != 0) return -1;
        for (int at = 0; at < PAGES; at++) if (found[at] >= 0 && found[at] < NODES) counts[found[at]]++;
    }
    return 0;
}

static void print_counts(const char *before, const long counts[NODES]) {
    printf("%s", before);
    for (int node = 0; node < NODES; node++) printf("%s%ld", node == 0 ? "[" : ",", counts[node]);
    printf("]");
}

int main(int argc, char **argv) {
    struct ggml_numa_shard_stats stats;
    long counts[NODES];
    page = (size_t)sysconf(_SC_PAGESIZE);
    if (argc < 2 || setenv("GGML_NUMA_SHARD_MAP", argv[1], 1) != 0) return 2;
    if (ggml_numa_shard_init() != 1) {
        fprintf(stderr, "init: %s\n", ggml_numa_shard_error());
        return 1;
    }
    for (int i = 0; i < COUNT; i++) allocate(&tensors[i]);
    for (int i = 0; i < COUNT; i++) assign(&tensors[i]);
    ggml_numa_shard_get_stats(&stats);
    printf("{\"method\":\"%s\",\"pageSize\":%zu,\"misplaced\":%llu,\"unknown\":%llu,\"refused\":%llu,\"nodes\":[",
           stats.method, page, (unsigned long long)stats.misplaced_bytes, (unsigned long long)stats.unknown_bytes,
           (unsigned long long)stats.refused_bytes);
    for (int i = 0; i < stats.node_count; i++)
        printf("%s{\"id\":%d,\"asked\":%llu,\"found\":%llu}", i == 0 ? "" : ",", stats.nodes[i].id,
               (unsigned long long)stats.nodes[i].asked_bytes, (unsigned long long)stats.nodes[i].found_bytes);
    printf("],\"tensors\":[");
    for (int i = 0; i < COUNT; i++) {
        printf("%s{\"name\":\"%s\",\"answer\":%d", i == 0 ? "" : ",", tensors[i].name, tensors[i].answer);
        read_numa_maps(&tensors[i], counts);
        print_counts(",\"numaMaps\":", counts);
        printf("}");
    }
    printf("],\"movePages\":");
    if (ask_move_pages(counts) == 0) print_counts("", counts);
    else printf("null");
    ggml_numa_shard_cleanup();
    ggml_numa_shard_get_stats(&stats);
    printf(",\"afterCleanup\":%d}\n", stats.active);
    return 0;
}
