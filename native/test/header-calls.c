// SPDX-License-Identifier: MIT
/*
 * The seven functions by their exact types, and called as programs for the library this one follows call it: init,
 * assign for each tensor of a model, stats, cleanup, and nobody looks at what they return. Prints what they did.
 */
#include "ggml-numa-shard.h"

#ifdef EXPECTED_CACHE_LINE
typedef char cache_line_is_as_expected[GGML_NUMA_SHARD_CACHE_LINE == EXPECTED_CACHE_LINE ? 1 : -1];
typedef char node_is_one_line[sizeof(struct ggml_numa_shard_node) == EXPECTED_CACHE_LINE ? 1 : -1];
#endif

static int (*const init)(void) = ggml_numa_shard_init;
static const char *(*const error_text)(void) = ggml_numa_shard_error;
static int (*const assign)(const char *, void *, size_t) = ggml_numa_shard_assign;
static int (*const assign_rows)(const char *, void *, const struct ggml_numa_shard_matrix *) = ggml_numa_shard_assign_rows;
static void (*const print_stats)(void) = ggml_numa_shard_stats;
static int (*const get_stats)(struct ggml_numa_shard_stats *) = ggml_numa_shard_get_stats;
static void (*const cleanup)(void) = ggml_numa_shard_cleanup;

static char weights[3][1 << 16];

static struct {
    struct { char name[64]; void *data; size_t size; } tensors[3];
    int n_tensors;
} model = {{{"token_embd.weight", weights[0], sizeof weights[0]},
            {"blk.0.attn_q.weight", weights[1], sizeof weights[1]},
            {"blk.1.ffn_up.weight", weights[2], sizeof weights[2]}}, 3};

static void as_before(void) {
    ggml_numa_shard_init();
    for (int i = 0; i < model.n_tensors; i++)
        ggml_numa_shard_assign(model.tensors[i].name, model.tensors[i].data, model.tensors[i].size);
    ggml_numa_shard_stats();
    ggml_numa_shard_cleanup();
}

int main(void) {
    struct ggml_numa_shard_stats stats;
    struct ggml_numa_shard_matrix matrix = {1 << 8, 1 << 8, 1, 0, 0, 0};
    as_before();
    printf("init %d", init());
    printf(" assign %d", assign("blk.0.attn_q.weight", weights[0], sizeof weights[0]));
    printf(" rows %d", assign_rows("blk.0.attn_q.weight", weights[1], &matrix));
    printf(" get_stats %d", get_stats(&stats));
    printf(" method %s error '%s'\n", stats.method, error_text());
    print_stats();
    cleanup();
    return 0;
}
