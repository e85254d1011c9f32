// SPDX-License-Identifier: MIT
/*
 * ggml-numa-shard.h: puts tensors on NUMA nodes as the shard map in GGML_NUMA_SHARD_MAP says, and reports where they
 * are. Header-only, C11 or C++17, no dependency but libc; one thread at a time, state per translation unit. Off Linux,
 * and on one node, everything is "flat": nothing is done, assign says -1.
 *
 *     #include "ggml-numa-shard.h"
 *     int main(void) {
 *         size_t size = 4096 * 4096;
 *         char *data = (char *)malloc(size);
 *         if (ggml_numa_shard_init() < 0) fprintf(stderr, "%s\n", ggml_numa_shard_error());
 *         int node = ggml_numa_shard_assign("blk.0.attn_q.weight", data, size); // before or after it is filled
 *         memset(data, 1, size);
 *         printf("node %d\n", node);
 *         ggml_numa_shard_stats();
 *         ggml_numa_shard_cleanup(); // before the memory is freed
 *         free(data);
 *     }
 *
 * The map is rules, `selector:target`, between commas. Selectors: layers (0-8), a role (attn, ffn, experts, shared,
 * router, norm, embed, output, ssm, other), both (0-8.attn), name=GLOB, or *. Targets: a node (node3 or 3),
 * interleave(0-3), weighted(0=2,1=1), rows, rows(0-3), cyclic(16) or cyclic(16,0-3). name= wins over layers.role, role,
 * layers and *; among equals the first. What no rule names goes round robin by layer, as everything without a map.
 *
 * _init: 1 active, 0 flat, -1 wrong map, see _error. _assign: the node with most of the tensor, -1 when not all of it
 * was placed. _assign_rows: the same, by the rows that each of ggml's workers reads. _stats prints what was asked and
 * found and the warnings; _get_stats hands it over. _cleanup takes policies back. Whole pages are placed; one that
 * tensors share goes to the first of them, or to one that has most of it. Names in gns_ are for our own libraries.
 */
#ifndef GGML_NUMA_SHARD_H
#define GGML_NUMA_SHARD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <dirent.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifndef __cplusplus
extern long syscall(long number, ...); /* -std=c11 hides it */
#endif
#endif
#ifdef __GNUC__
#define GNS_API static __attribute__((unused))
#define GNS_PRINTF(text, values) __attribute__((format(printf, text, values)))
#else
#define GNS_API static
#define GNS_PRINTF(text, values)
#endif

/* ==== Limits: a map is untrusted input =============================================================== */
enum {
    GNS_MAX_TEXT = 1 << 20,       /* bytes of map text; Linux takes no environment string over 2 MiB */
    GNS_MAX_LISTED = 1 << 20,     /* nodes in all lists together: each costs memory */
    GNS_MAX_NODES = 1024,         /* node ids end below this: the kernel's NODES_SHIFT is at most 10 */
    GNS_MAX_LAYER = 999999999,    /* nine digits: fits int32_t, and a JavaScript number */
    GNS_MAX_SLICES = 8192,        /* slices of cyclic(): Linux has no more CPUs (x86-64 NR_CPUS) */
    GNS_MAX_WEIGHT = 255 };       /* as the kernel's weighted interleave (node weights are u8) */

/* ==== Types ========================================================================================== */
enum gns_role {
    GNS_ROLE_ATTN, GNS_ROLE_FFN, GNS_ROLE_EXPERTS, GNS_ROLE_SHARED, GNS_ROLE_ROUTER,
    GNS_ROLE_NORM, GNS_ROLE_EMBED, GNS_ROLE_OUTPUT, GNS_ROLE_SSM, GNS_ROLE_OTHER, GNS_ROLE_COUNT };

static const char *const gns_role_names[] = {"attn", "ffn",   "experts", "shared", "router",
                                             "norm", "embed", "output",  "ssm",    "other"};

/* What a rule selects, from the weakest to the strongest claim. */
enum gns_selector_kind { GNS_ANY, GNS_LAYERS, GNS_ROLE, GNS_LAYERS_ROLE, GNS_NAME };
enum gns_target_kind { GNS_NODE, GNS_INTERLEAVE, GNS_WEIGHTED, GNS_ROWS, GNS_CYCLIC };

/* How ggml divides one product among its workers (docs/cuts.md). */
enum gns_cut {
    GNS_CUT_ROWS,                  /* worker i of n: rows [i*d, min((i+1)*d, R)), d = ceil(R/n) */
    GNS_CUT_ROWS_REPACKED,         /* the same, both ends rounded up to a multiple of group */
    GNS_CUT_ROWS_REPACKED_EXPERTS, /* floor(i*R/n) to floor((i+1)*R/n), both rounded up likewise */
    GNS_CUT_MATRICES,              /* whole matrices (heads), cut as GNS_CUT_ROWS cuts rows */
    GNS_CUT_NONE };                /* no fixed owner */

struct gns_error {
    const char *code; /* stable: map-syntax, map-role, map-node, map-range, map-empty-rule, map-rows-nodes */
    int column;       /* 1-based, in characters (UTF-8 code points) */
    char message[256];
};
struct gns_nodes { int *ids, count; }; /* ascending */
struct gns_rule {
    enum gns_selector_kind selector;
    int first, last;    /* GNS_LAYERS, GNS_LAYERS_ROLE; inclusive */
    enum gns_role role; /* GNS_ROLE, GNS_LAYERS_ROLE */
    char *glob;         /* GNS_NAME */
    enum gns_target_kind target;
    int all;                    /* nodes were written as `all` or left out */
    int *nodes, node_count;     /* in the order written */
    int *weights;               /* one a node: pages in a row under GNS_WEIGHTED, else 1 */
    int slices;                 /* GNS_CYCLIC */
    char *text;                 /* the rule as written, trimmed */
    int column;
    int matched, won, after;    /* gns_map_note's: tensors it names, wins; 1 + index of a rule before it, 0 none */
};

struct gns_map {
    struct gns_rule *rules;
    int count;
    int observe;              /* the map is the word `observe` */
    int rows_rule;            /* index of the first rows rule, -1 when none */
    struct gns_nodes machine; /* nodes with memory; none: machine unknown */
    struct gns_nodes usable;  /* nodes with CPUs and memory */
    uint64_t noted_bytes, left_bytes; /* gns_map_note's: of all tensors, and of the largest that no rule names */
    int left_output;                  /* no rule names the output matrix, which then is `left` */
    char left[64];                    /* GGML_MAX_NAME */
};

struct gns_shape {
    uint64_t row_bytes;
    int64_t rows;     /* of one matrix: ne1 */
    int64_t matrices; /* ne2 * ne3 */
    int64_t group;    /* rows that stay together under the repacked cuts */
    enum gns_cut cut;
};

/* Each node's share of the rows, in the order in which workers take them. */
struct gns_shares {
    const int *nodes;
    const int *weights; /* NULL: equal */
    int count;
};
typedef void (*gns_emit)(void *context, uint64_t offset, uint64_t byte_length, int node);

/* Room for one more item: doubled when `count` fill it. NULL: no memory, the items stay. */
static void *gns_grow(void *items, size_t count, size_t size) {
    return (count & (count - 1)) != 0 ? items : realloc(items, (count > 0 ? 2 * count : 1) * size);
}

/* ==== Nodes of this machine: /sys/devices/system/node ================================================ */
GNS_API void gns_nodes_free(struct gns_nodes *nodes) {
    free(nodes->ids);
    nodes->ids = NULL;
    nodes->count = 0;
}

GNS_API int gns_nodes_index(const struct gns_nodes *nodes, int id) {
    for (int i = 0; nodes != NULL && i < nodes->count; i++) if (nodes->ids[i] == id) return i;
    return -1;
}
/* Inserts in order; a known id stays single. -1: no memory. */
static int gns_nodes_add(struct gns_nodes *nodes, int id) {
    int at = nodes->count;
    while (at > 0 && nodes->ids[at - 1] >= id) at--;
    if (at < nodes->count && nodes->ids[at] == id) return 0;
    int *ids = (int *)gns_grow(nodes->ids, (size_t)nodes->count, sizeof *ids);
    if (ids == NULL) return -1;
    memmove(ids + at + 1, ids + at, (size_t)(nodes->count - at) * sizeof *ids);
    ids[at] = id;
    nodes->ids = ids;
    nodes->count++;
    return 0;
}

GNS_API int gns_nodes_copy(struct gns_nodes *out, const struct gns_nodes *from) {
    out->ids = NULL;
    out->count = 0;
    for (int i = 0; from != NULL && i < from->count; i++) if (gns_nodes_add(out, from->ids[i]) != 0) return -1;
    return 0;
}

#ifdef __linux__
#define GNS_SYSFS_NODES "/sys/devices/system/node"

/* Reads a small sysfs file as text; -1 when it is absent. Some firmware leaves NUL bytes at the end. */
GNS_PRINTF(3, 4) static int gns_read_sysfs(char *text, size_t size, const char *format, ...) {
    char path[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    FILE *file = fopen(path, "re");
    if (file == NULL) return -1;
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    return 0;
}

/* "0-3,8" → ids. Ends at what is unreadable, or does not ascend as the kernel's lists do. */
static int gns_list_add(struct gns_nodes *out, const char *text) {
    while (*text >= '0' && *text <= '9') {
        char *end;
        long first = strtol(text, &end, 10), last = first;
        if (*end == '-') last = strtol(end + 1, &end, 10);
        if (last >= (1 << 16) || (out->count > 0 && first <= out->ids[out->count - 1])) return 0;
        for (long id = first; id <= last; id++) if (gns_nodes_add(out, (int)id) != 0) return -1;
        if (*end != ',') return 0;
        text = end + 1;
    }
    return 0;
}

/* The CPUs of a node, ascending; `root` NULL means this machine. 0, or -1: no memory. */
GNS_API int gns_node_cpus(struct gns_nodes *cpus, int node, const char *root) {
    char text[16384];
    const char *base = root != NULL ? root : GNS_SYSFS_NODES;
    cpus->ids = NULL;
    cpus->count = 0;
    if (gns_read_sysfs(text, sizeof text, "%s/node%d/cpulist", base, node) == 0) return gns_list_add(cpus, text);
    if (node > 0 || root != NULL) return 0; /* a machine without nodes is one node 0 */
    return gns_read_sysfs(text, sizeof text, "/sys/devices/system/cpu/online") == 0 ? gns_list_add(cpus, text) : 0;
}

/* A figure of a node's meminfo in bytes; -1 when the file or the line is absent. */
static int64_t gns_meminfo(int node, const char *root, const char *key) {
    char text[4096];
    const char *found = gns_read_sysfs(text, sizeof text, "%s/node%d/meminfo", root, node) ? NULL : strstr(text, key);
    const int64_t kib = found != NULL ? (int64_t)strtoll(found + strlen(key), NULL, 10) : -1;
    return kib < 0 ? -1 : kib < (int64_t)1 << 50 ? kib * 1024 : (int64_t)1 << 60; /* sums do not turn over */
}

/* The nodes with memory, and those with CPUs too; without a node directory node 0. `root` as above. -1: no memory.
 * MemTotal decides: has_memory and has_cpu lie on some machines. */
GNS_API int gns_nodes_read(struct gns_nodes *memory, struct gns_nodes *usable, const char *root) {
    const char *base = root != NULL ? root : GNS_SYSFS_NODES;
    int failed = 0;
    memory->ids = usable->ids = NULL;
    memory->count = usable->count = 0;
    DIR *directory = opendir(base);
    const struct dirent *entry;
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char *end;
        if (strncmp(entry->d_name, "node", 4) != 0 || entry->d_name[4] < '0' || entry->d_name[4] > '9') continue;
        long id = strtol(entry->d_name + 4, &end, 10);
        if (*end != '\0' || id >= GNS_MAX_NODES || gns_meminfo((int)id, base, "MemTotal:") == 0) continue;
        struct gns_nodes cpus;
        failed |= gns_nodes_add(memory, (int)id);
        failed |= gns_node_cpus(&cpus, (int)id, root);
        if (cpus.count > 0) failed |= gns_nodes_add(usable, (int)id);
        gns_nodes_free(&cpus);
    }
    if (directory != NULL) closedir(directory);
    if (memory->count == 0) failed |= gns_nodes_add(memory, 0) | gns_nodes_add(usable, 0);
    return failed != 0 ? -1 : 0;
}
#endif /* __linux__ */

/* ==== Grammar: text to rules ========================================================================= */
struct gns_parser {
    const char *text;
    const char *rule_start, *rule_end; /* the rule being read, trimmed */
    int rule_column;
    unsigned char seen[GNS_MAX_NODES]; /* nodes that the rule has named so far */
    int listed;                        /* nodes in all rules so far */
    struct gns_map *map;
    struct gns_error *err;
};

/* Characters between two places: bytes that do not continue a UTF-8 code point. */
static int gns_characters(const char *from, const char *to) {
    int count = 0;
    for (; from < to; from++) count += ((unsigned char)*from & 0xC0) != 0x80;
    return count;
}

GNS_PRINTF(4, 5) static int gns_fail(struct gns_parser *p, const char *at, const char *code, const char *format, ...) {
    if (p->err == NULL) return -1;
    int shown = (int)(p->rule_end - p->rule_start);
    p->err->code = code;
    p->err->column = p->rule_column + gns_characters(p->rule_start, at);
    int used = snprintf(p->err->message, sizeof p->err->message, "shard map, column %d, rule '%.*s%s': ",
                        p->err->column, shown > 60 ? 60 : shown, p->rule_start, shown > 60 ? "..." : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->err->message + used, sizeof p->err->message - (size_t)used, format, arguments);
    va_end(arguments);
    for (char *c = p->err->message; *c != '\0'; c++) /* maps are foreign text, messages go to terminals */
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    return -1;
}

static int gns_no_memory(struct gns_parser *p) {
    return gns_fail(p, p->rule_start, "out-of-memory", "no memory for it");
}
static char *gns_text_copy(const char *start, const char *end) {
    char *copy = (char *)calloc((size_t)(end - start) + 1, 1);
    return copy != NULL ? (char *)memcpy(copy, start, (size_t)(end - start)) : NULL;
}
static int gns_is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static int gns_is_digit(char c) { return c >= '0' && c <= '9'; }
static int gns_is_word(const char *start, const char *end, const char *word) {
    return (size_t)(end - start) == strlen(word) && memcmp(start, word, strlen(word)) == 0;
}

/* Reads digits; values over GNS_MAX_LAYER become GNS_MAX_LAYER + 1. -1: no digit here. */
static int gns_number(const char **at, const char *end) {
    if (*at >= end || !gns_is_digit(**at)) return -1;
    int value = 0;
    for (; *at < end && gns_is_digit(**at); ++*at)
        value = value > GNS_MAX_LAYER / 10 ? GNS_MAX_LAYER + 1 : value * 10 + (**at - '0');
    return value;
}
static const char *gns_find_char(const char *start, const char *end, char c) {
    const char *found = start < end ? (const char *)memchr(start, c, (size_t)(end - start)) : NULL;
    return found != NULL ? found : end;
}

/* A rule ends at the next comma that is in no parenthesis of its target. */
static const char *gns_rule_end(const char *at, const char *end) {
    int depth = 0, in_target = 0;
    for (; at < end; at++) {
        if (*at == ',' && depth == 0) break;
        if (*at == ':') in_target = 1;
        if (*at == '(' && in_target) depth++;
        if (*at == ')' && depth > 0) depth--;
    }
    return at;
}

static int gns_parse_role(struct gns_parser *p, const char *start, const char *end, enum gns_role *role) {
    for (int i = 0; i < GNS_ROLE_COUNT; i++) {
        if (!gns_is_word(start, end, gns_role_names[i])) continue;
        *role = (enum gns_role)i;
        return 0;
    }
    const char *format = "unknown role '%.*s'; known: attn ffn experts shared router norm embed output ssm other";
    return gns_fail(p, start, "map-role", format, end - start > 40 ? 40 : (int)(end - start), start);
}

static int gns_parse_layers(struct gns_parser *p, const char *at, const char *end, struct gns_rule *rule) {
    const char *start = at, *last = at;
    rule->selector = GNS_LAYERS;
    rule->first = rule->last = gns_number(&at, end);
    if (at < end && *at == '-') {
        last = ++at;
        rule->last = gns_number(&at, end);
        if (rule->last < 0) return gns_fail(p, at, "map-syntax", "a layer number is missing after '-'");
    }
    if (at < end && *at != '.') return gns_fail(p, at, "map-syntax", "unexpected '%c' after the layers", *at);
    if (rule->first > GNS_MAX_LAYER) return gns_fail(p, start, "map-range", "no model has that many layers");
    if (rule->last > GNS_MAX_LAYER) return gns_fail(p, last, "map-range", "no model has that many layers");
    if (rule->last < rule->first) return gns_fail(p, start, "map-range", "layers run backwards");
    if (at == end) return 0;
    rule->selector = GNS_LAYERS_ROLE;
    return gns_parse_role(p, at + 1, end, &rule->role);
}

static int gns_parse_selector(struct gns_parser *p, const char *start, const char *end, struct gns_rule *rule) {
    if (start == end) return gns_fail(p, start, "map-syntax", "no selector before ':'");
    if (gns_is_digit(*start)) return gns_parse_layers(p, start, end, rule);
    if (gns_is_word(start, end, "*")) return 0; /* GNS_ANY, the zero value */
    if (end - start >= 5 && memcmp(start, "name=", 5) == 0) {
        if (end - start == 5) return gns_fail(p, end, "map-syntax", "no tensor name after 'name='");
        rule->selector = GNS_NAME;
        rule->glob = gns_text_copy(start + 5, end);
        return rule->glob != NULL ? 0 : gns_no_memory(p);
    }
    rule->selector = GNS_ROLE;
    return gns_parse_role(p, start, end, &rule->role);
}

static int gns_add_node(struct gns_parser *p, const char *at, struct gns_rule *rule, int node, int weight) {
    const struct gns_map *map = p->map;
    int known = map->machine.count > 0;
    if (node >= GNS_MAX_NODES) return gns_fail(p, at, "map-node", "node ids end at %d", GNS_MAX_NODES - 1);
    if (p->seen[node]) return gns_fail(p, at, "map-node", "node %d stands there twice", node);
    if (known && gns_nodes_index(&map->machine, node) < 0)
        return gns_fail(p, at, "map-node", "this machine has no node %d with memory", node);
    if (known && rule->target == GNS_ROWS && gns_nodes_index(&map->usable, node) < 0)
        return gns_fail(p, at, "map-node", "node %d has no CPUs, so no worker reads there", node);
    int *nodes = (int *)gns_grow(rule->nodes, (size_t)rule->node_count, sizeof *nodes);
    if (nodes != NULL) rule->nodes = nodes;
    int *weights = (int *)gns_grow(rule->weights, (size_t)rule->node_count, sizeof *weights);
    if (weights != NULL) rule->weights = weights;
    if (nodes == NULL || weights == NULL) return gns_no_memory(p);
    p->seen[node] = 1;
    nodes[rule->node_count] = node;
    weights[rule->node_count++] = weight;
    return 0;
}

/* `all`, or nothing: where threads read, the nodes that have CPUs; else every node with memory. */
static int gns_add_all(struct gns_parser *p, const char *at, struct gns_rule *rule) {
    int threads = rule->target == GNS_ROWS || rule->target == GNS_CYCLIC;
    const struct gns_nodes *nodes = threads ? &p->map->usable : &p->map->machine;
    rule->all = 1;
    for (int i = 0; i < nodes->count; i++) if (gns_add_node(p, at, rule, nodes->ids[i], 1) != 0) return -1;
    if (p->map->machine.count > 0 && nodes->count == 0)
        return gns_fail(p, at, "map-node", "no node of this machine has both CPUs and memory");
    return 0;
}

/* all | 0-3 | 0,2 | under weighted 0=2,1=1 */
static int gns_parse_nodes(struct gns_parser *p, const char *at, const char *end, struct gns_rule *rule) {
    int weighted = rule->target == GNS_WEIGHTED;
    if (!weighted && gns_is_word(at, end, "all")) return gns_add_all(p, at, rule);
    for (;; at++) {
        const char *start = at;
        int first = gns_number(&at, end), last = first, weight = 1;
        if (first < 0) return gns_fail(p, at, "map-syntax", "a node number is missing here");
        if (weighted && (at >= end || *at != '=')) return gns_fail(p, at, "map-syntax", "'=' is missing here");
        if (weighted) {
            const char *number = ++at;
            weight = gns_number(&at, end);
            if (weight < 1 || weight > GNS_MAX_WEIGHT)
                return gns_fail(p, number, "map-syntax", "a weight is an integer from 1 to %d", GNS_MAX_WEIGHT);
        } else if (at < end && *at == '-') {
            at++;
            last = gns_number(&at, end);
            if (last < 0) return gns_fail(p, at, "map-syntax", "a node number is missing after '-'");
        }
        if (at < end && *at != ',') return gns_fail(p, at, "map-syntax", "unexpected '%c' among the nodes", *at);
        if (last < first) return gns_fail(p, start, "map-node", "nodes run backwards");
        for (int node = first; node <= last; node++) if (gns_add_node(p, start, rule, node, weight) != 0) return -1;
        if (at == end) return 0;
    }
}

/* N [, nodes] */
static int gns_parse_cyclic(struct gns_parser *p, const char *at, const char *end, struct gns_rule *rule) {
    const char *start = at;
    rule->slices = gns_number(&at, end);
    if (rule->slices < 1 || rule->slices > GNS_MAX_SLICES)
        return gns_fail(p, start, "map-syntax", "the number of slices is an integer from 1 to %d", GNS_MAX_SLICES);
    if (at == end) return gns_add_all(p, start, rule);
    if (*at != ',') return gns_fail(p, at, "map-syntax", "unexpected '%c' after the number of slices", *at);
    return gns_parse_nodes(p, at + 1, end, rule);
}

static int gns_parse_target(struct gns_parser *p, const char *start, const char *end, struct gns_rule *rule) {
    const char *open = gns_find_char(start, end, '(');
    if (start == end) return gns_fail(p, start, "map-syntax", "no target after ':'");
    if (gns_is_digit(*start) || (end - start >= 4 && memcmp(start, "node", 4) == 0)) {
        const char *at = gns_is_digit(*start) ? start : start + 4, *number = at;
        int node = gns_number(&at, end);
        rule->target = GNS_NODE;
        if (node < 0) return gns_fail(p, at, "map-syntax", "a node number is missing here");
        if (at < end) return gns_fail(p, at, "map-syntax", "unexpected '%c' after the node", *at);
        return gns_add_node(p, number, rule, node, 1);
    }
    if (gns_is_word(start, open, "interleave")) rule->target = GNS_INTERLEAVE;
    else if (gns_is_word(start, open, "weighted")) rule->target = GNS_WEIGHTED;
    else if (gns_is_word(start, open, "rows")) rule->target = GNS_ROWS;
    else if (gns_is_word(start, open, "cyclic")) rule->target = GNS_CYCLIC;
    else return gns_fail(p, start, "map-syntax", "unknown target; known: a node, interleave, weighted, rows, cyclic");
    if (open == end && rule->target == GNS_ROWS) return gns_add_all(p, start, rule);
    if (open == end) return gns_fail(p, end, "map-syntax", "'(' is missing here");
    const char *close = gns_find_char(open, end, ')');
    if (close == end) return gns_fail(p, open, "map-syntax", "this '(' is not closed");
    if (close + 1 < end) return gns_fail(p, close + 1, "map-syntax", "unexpected '%c' after ')'", close[1]);
    return (rule->target == GNS_CYCLIC ? gns_parse_cyclic : gns_parse_nodes)(p, open + 1, close, rule);
}

/* A worker has one home: every rows rule names the same nodes as the first. */
static int gns_check_rows(struct gns_parser *p, int index) {
    struct gns_map *map = p->map;
    const struct gns_rule *rule = &map->rules[index];
    if (rule->target != GNS_ROWS) return 0;
    if (map->rows_rule < 0) map->rows_rule = index;
    const struct gns_rule *first = &map->rules[map->rows_rule];
    int same = rule->node_count == first->node_count;
    for (int i = 0; i < first->node_count && same; i++) same = p->seen[first->nodes[i]];
    if (same || (map->machine.count == 0 && (rule->all || first->all))) return 0; /* `all` of an unknown machine */
    const char *format = "other nodes than the rows rule at column %d: a worker has one home";
    return gns_fail(p, p->rule_start, "map-rows-nodes", format, first->column);
}

static int gns_parse_rule(struct gns_parser *p) {
    struct gns_map *map = p->map;
    const char *colon = gns_find_char(p->rule_start, p->rule_end, ':');
    struct gns_rule *rules = (struct gns_rule *)gns_grow(map->rules, (size_t)map->count, sizeof *rules);
    if (rules == NULL) return gns_no_memory(p);
    map->rules = rules;
    struct gns_rule *rule = &rules[map->count++];
    memset(rule, 0, sizeof *rule);
    memset(p->seen, 0, sizeof p->seen);
    rule->column = p->rule_column;
    rule->text = gns_text_copy(p->rule_start, p->rule_end);
    if (rule->text == NULL) return gns_no_memory(p);
    if (colon == p->rule_end) return gns_fail(p, p->rule_start, "map-syntax", "not of the form selector:target");
    if (gns_parse_selector(p, p->rule_start, colon, rule) != 0) return -1;
    if (gns_parse_target(p, colon + 1, p->rule_end, rule) != 0) return -1;
    if ((p->listed += rule->node_count) > GNS_MAX_LISTED)
        return gns_fail(p, p->rule_start, "map-syntax", "more nodes than all rules may list, %d", GNS_MAX_LISTED);
    return gns_check_rows(p, map->count - 1);
}
static int gns_parse_rules(struct gns_parser *p) {
    const char *at = p->text, *end = at + strlen(at);
    if (end - at > GNS_MAX_TEXT)
        return gns_fail(p, at, "map-syntax", "%ld bytes of text, the limit is %d", (long)(end - at), GNS_MAX_TEXT);
    for (;;) {
        while (at < end && gns_is_space(*at)) at++;
        const char *comma = gns_rule_end(at, end);
        p->rule_column += gns_characters(p->rule_start, at);
        p->rule_start = at;
        p->rule_end = comma;
        while (p->rule_end > at && gns_is_space(p->rule_end[-1])) p->rule_end--;
        if (p->rule_end == at) return gns_fail(p, at, "map-empty-rule", "a rule is missing here");
        p->map->observe = p->map->count == 0 && comma == end && gns_is_word(at, p->rule_end, "observe");
        if (!p->map->observe && gns_parse_rule(p) != 0) return -1;
        if (comma == end) return 0;
        at = comma + 1;
    }
}

GNS_API void gns_map_free(struct gns_map *map) {
    for (int i = 0; i < map->count; i++) {
        free(map->rules[i].glob);
        free(map->rules[i].nodes);
        free(map->rules[i].weights);
        free(map->rules[i].text);
    }
    free(map->rules);
    gns_nodes_free(&map->machine);
    gns_nodes_free(&map->usable);
    memset(map, 0, sizeof *map);
    map->rows_rule = -1;
}

/* Reads a map; NULL is the one without rules. `machine` (nodes with memory) is what `all` means and what nodes are
 * checked against, `usable` (with CPUs too) the same for `rows` and `cyclic`; both NULL: nothing is checked, `all`
 * stays without nodes. 0, or -1 with `err` (may be NULL) filled; `out` is then empty. */
GNS_API int gns_map_parse(struct gns_map *out, const char *text, const struct gns_nodes *machine,
                          const struct gns_nodes *usable, struct gns_error *err) {
    struct gns_parser p = {text, text, text, 1, {0}, 0, out, err};
    memset(out, 0, sizeof *out);
    out->rows_rule = -1;
    int failed = gns_nodes_copy(&out->machine, machine) | gns_nodes_copy(&out->usable, usable);
    if (failed != 0) gns_no_memory(&p);
    if (failed == 0 && text != NULL) failed = gns_parse_rules(&p);
    if (failed != 0) gns_map_free(out);
    return failed;
}

/* The nodes that the map's rows rules name; 0 when there is no such rule. */
GNS_API int gns_map_rows_nodes(const struct gns_map *map, const int **ids) {
    if (map->rows_rule < 0) return 0;
    *ids = map->rules[map->rows_rule].nodes;
    return map->rules[map->rows_rule].node_count;
}

/* ==== Tensor names: layer and role, as src/model/classify-tensor.ts has them ========================= */
/* `*` is any run, `?` one character (UTF-8 code point); the name ends at `end`. */
static int gns_glob(const char *glob, const char *name, const char *end) {
    const char *star = NULL, *retry = NULL;
    while (name < end) {
        if (*glob == '*') {
            star = ++glob;
            retry = name;
        } else if (*glob == '?' || (*glob != '\0' && *glob == *name)) {
            int any = *glob++ == '?';
            name++;
            while (any && name < end && ((unsigned char)*name & 0xC0) == 0x80) name++;
        } else if (star != NULL) {
            glob = star;
            name = ++retry;
        } else {
            return 0;
        }
    }
    while (*glob == '*') glob++;
    return *glob == '\0';
}
GNS_API int gns_glob_match(const char *glob, const char *name) { return gns_glob(glob, name, name + strlen(name)); }

/* Of another file than the language model's: an image or audio encoder, an adapter. */
static int gns_is_foreign(const char *name) {
    static const char *const globs[] = {"mm.*", "v.*", "a.*", "mtmd.*", "resampler.*", "*.lora_a", "*.lora_b"};
    for (size_t i = 0; i < sizeof globs / sizeof *globs; i++) if (gns_glob_match(globs[i], name)) return 1;
    return 0;
}

/* Nor KV or recurrent state, nor a compute buffer ("compute"): what roles, layers and `*` speak of. */
GNS_API int gns_is_language_weight(const char *name) {
    return !gns_is_foreign(name) && !gns_glob_match("cache_*", name) && strcmp(name, "compute") != 0;
}

/* Whether a word between '.' and '_' is norm, norm2, enorm, hnorm or ln. */
static int gns_is_norm(const char *at, const char *end) {
    for (const char *word = at; word <= end; word = at + 1) {
        for (at = word; at < end && *at != '.' && *at != '_';) at++;
        if (gns_is_word(word, at, "ln")) return 1;
        const char *last = at;
        while (last > word && gns_is_digit(last[-1])) last--;
        if (last - word == 5 && (*word == 'e' || *word == 'h')) word++;
        if (gns_is_word(word, last, "norm")) return 1;
    }
    return 0;
}

/* The role of what follows blk.N. (`block`), or of a name outside the blocks. First fit; a suffix is off. */
static enum gns_role gns_role_of(const char *start, const char *end, int block) {
    static const struct { int block; const char *glob; enum gns_role role; } table[] = {
        {1, "ffn_gate_inp", GNS_ROLE_ROUTER}, {1, "ffn_gate_tid2eid", GNS_ROLE_ROUTER},
        {1, "exp_probs_b*", GNS_ROLE_ROUTER},
        {1, "ffn_*shexp", GNS_ROLE_SHARED}, {1, "ffn_*exps", GNS_ROLE_EXPERTS},
        /* ffn_gate.3: experts in separate tensors, as the first Mixtral files had them; see below */
        {2, "ffn_gate.", GNS_ROLE_EXPERTS}, {2, "ffn_down.", GNS_ROLE_EXPERTS}, {2, "ffn_up.", GNS_ROLE_EXPERTS},
        {1, "attn_*", GNS_ROLE_ATTN}, {1, "cross_attn_*", GNS_ROLE_ATTN}, {1, "vis_attn_*", GNS_ROLE_ATTN},
        {1, "indexer.*", GNS_ROLE_ATTN}, {1, "indexer_*", GNS_ROLE_ATTN},
        {1, "ffn.*", GNS_ROLE_FFN}, {1, "ffn_*", GNS_ROLE_FFN}, {1, "channel_mix_*", GNS_ROLE_FFN},
        {1, "vis_gate", GNS_ROLE_FFN}, {1, "vis_up", GNS_ROLE_FFN}, {1, "vis_down", GNS_ROLE_FFN},
        {1, "ssm_*", GNS_ROLE_SSM}, {1, "time_mix_*", GNS_ROLE_SSM}, {1, "shortconv.*", GNS_ROLE_SSM},
        {1, "nextn.embed_tokens", GNS_ROLE_EMBED}, {1, "nextn.shared_head_head", GNS_ROLE_OUTPUT},
        {0, "output", GNS_ROLE_OUTPUT}, {0, "token_embd", GNS_ROLE_EMBED}, {0, "position_embd", GNS_ROLE_EMBED},
        {0, "token_types", GNS_ROLE_EMBED}, {0, "per_layer_token_embd", GNS_ROLE_EMBED}, };
    const char *number = end; /* where digits at the end begin */
    while (number > start && gns_is_digit(number[-1])) number--;
    if (gns_is_norm(start, end)) return GNS_ROLE_NORM;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int numbered = table[i].block == 2;
        if ((table[i].block > 0) != block || (numbered && number == end)) continue;
        if (gns_glob(table[i].glob, start, numbered ? number : end)) return table[i].role;
    }
    return GNS_ROLE_OTHER;
}

/* `layer` is N of `blk.N.…`, -1 outside the blocks. `tied_output`: token_embd also serves as output matrix. */
GNS_API void gns_classify(const char *name, int tied_output, int *layer, enum gns_role *role) {
    static const char *const suffixes[] = {".weight", ".bias", ".input_scale", ".scale"};
    const char *at = name, *end = name + strlen(name);
    *layer = -1;
    *role = GNS_ROLE_OTHER;
    if (gns_is_foreign(name)) return;
    if (gns_glob_match("enc.blk.*", name) || gns_glob_match("dec.blk.*", name)) at += 4;
    const char *digits = gns_glob_match("blk.*", at) ? at + 4 : end;
    at = digits;
    int number = gns_number(&at, end), block = number >= 0 && at - digits <= 6 && *at == '.' && at + 1 < end;
    at = block ? at + 1 : name;
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t length = strlen(suffixes[i]);
        if ((size_t)(end - at) < length || memcmp(end - length, suffixes[i], length) != 0) continue;
        end -= length;
        break;
    }
    if (block) *layer = number;
    *role = gns_role_of(at, end, block);
    if (tied_output && strcmp(name, "token_embd.weight") == 0) *role = GNS_ROLE_OUTPUT;
}

/* ==== Which rule wins ================================================================================ */
/* How a rule names a tensor: 0 not, 2 by itself, 1 as the `ffn` around a part that other rules of its kind may name. */
static int gns_match(const struct gns_rule *rule, const char *name, int layer, enum gns_role role) {
    int is_ffn_part = role == GNS_ROLE_EXPERTS || role == GNS_ROLE_SHARED || role == GNS_ROLE_ROUTER;
    if (rule->selector == GNS_NAME) return gns_glob_match(rule->glob, name) ? 2 : 0;
    if (rule->selector == GNS_ANY) return 2;
    if (rule->selector != GNS_ROLE && (layer < rule->first || layer > rule->last)) return 0;
    if (rule->selector == GNS_LAYERS || rule->role == role) return 2;
    return rule->role == GNS_ROLE_FFN && is_ffn_part;
}

/* The rule that wins; NULL: none. KV, encoders, adapters: by `name=` alone. `note`: leave marks for the warnings. */
static struct gns_rule *gns_winner(const struct gns_map *map, const char *name, int layer, enum gns_role role,
                                   int note) {
    int language = gns_is_language_weight(name), strongest = 0, firsts[2 * GNS_NAME + 3] = {0};
    struct gns_rule *winner = NULL;
    for (int i = 0; i < map->count; i++) {
        struct gns_rule *rule = &map->rules[i];
        int match = language || rule->selector == GNS_NAME ? gns_match(rule, name, layer, role) : 0;
        int strength = 2 * (int)rule->selector + match;
        if (match == 0) continue;
        if (note && rule->after == 0) rule->after = firsts[strength];
        if (note) rule->matched = 1;
        if (firsts[strength] == 0) firsts[strength] = i + 1;
        if (strength <= strongest) continue;
        strongest = strength;
        winner = rule;
    }
    return winner;
}

/* The rule that wins; NULL: none names the tensor, it goes round robin by layer. */
GNS_API const struct gns_rule *gns_map_find(const struct gns_map *map, const char *name, int layer,
                                            enum gns_role role) {
    return gns_winner(map, name, layer, role, 0);
}

/* The same, and takes note of the tensor for gns_map_warnings. `matrix`: it has more than one row. */
GNS_API const struct gns_rule *gns_map_note(struct gns_map *map, const char *name, int layer, enum gns_role role,
                                            uint64_t bytes, int matrix) {
    struct gns_rule *winner = gns_winner(map, name, layer, role, 1);
    int output = role == GNS_ROLE_OUTPUT, more = bytes > map->left_bytes;
    map->noted_bytes += bytes;
    if (winner != NULL) winner->won = 1;
    if (winner != NULL || map->count == 0 || (output ? !matrix : !more)) return winner;
    if (!map->left_output || output) snprintf(map->left, sizeof map->left, "%.63s", name);
    if (more) map->left_bytes = bytes;
    map->left_output |= output;
    return NULL;
}

/* What its writer may not have meant, of the tensors noted; by column, then by code; as src/shardmap/warnings.ts. */
typedef void (*gns_emit_warning)(void *context, const struct gns_error *warning);
GNS_API void gns_map_warnings(const struct gns_map *map, gns_emit_warning emit, void *context) {
    struct gns_error warning = {"large-tensor-unnamed", 1, ""};
    if (map->left_output || map->left_bytes * 100 > map->noted_bytes) {
        const char *format = "shard map: no rule names %s: round robin by layer";
        snprintf(warning.message, sizeof warning.message, format, map->left);
        emit(context, &warning);
    }
    for (int i = 0; i < map->count; i++) {
        const struct gns_rule *rule = &map->rules[i];
        const char *at = rule->text, *format = "the rule at column %d stands before it for some tensors";
        struct gns_parser p = {at, at, at + strlen(at), rule->column, {0}, 0, NULL, &warning};
        int nothing = !rule->matched && (rule->glob == NULL || gns_is_language_weight(rule->glob));
        if (nothing) gns_fail(&p, at, "rule-matches-nothing", "no tensor of this model has such a name");
        if (rule->matched && !rule->won) gns_fail(&p, at, "rule-never-wins", "other rules take all that it names");
        if (nothing || rule->matched > rule->won) emit(context, &warning);
        if (rule->after > 0) gns_fail(&p, at, "rule-overlap", format, map->rules[rule->after - 1].column);
        if (rule->after > 0) emit(context, &warning);
    }
}

/* ==== Cuts and shares: which worker reads which rows, where it lives ================================= */
GNS_API enum gns_cut gns_default_cut(const char *name, enum gns_role role, int64_t rows, int64_t matrices,
                                     int repacked) {
    const char *suffix = strrchr(name, '.');
    if (role == GNS_ROLE_NORM || role == GNS_ROLE_EMBED || rows * matrices <= 1) return GNS_CUT_NONE;
    if (suffix != NULL && strcmp(suffix, ".bias") == 0) return GNS_CUT_NONE;
    if (matrices > 1 && strstr(name, ".attn_v_b.") != NULL) return GNS_CUT_MATRICES;
    if (!repacked) return GNS_CUT_ROWS;
    return matrices > 1 ? GNS_CUT_ROWS_REPACKED_EXPERTS : GNS_CUT_ROWS_REPACKED;
}

/* Sum of the first `count` weights; no weight at all means equal shares. */
static uint64_t gns_weights_upto(const struct gns_shares *shares, int count) {
    uint64_t all = 0, upto = 0;
    for (int i = 0; i < shares->count && shares->weights != NULL; i++) {
        uint64_t weight = shares->weights[i] > 0 ? (uint64_t)shares->weights[i] : 0;
        all += weight;
        if (i < count) upto += weight;
    }
    return all > 0 ? upto : (uint64_t)count;
}

/* Workers when the real number is unknown: one a share, or as many as unequal weights add up to. */
static int64_t gns_worker_count(const struct gns_shares *shares, int workers) {
    const int *weights = shares->weights;
    int equal = 1;
    for (int i = 1; weights != NULL && i < shares->count; i++) equal &= weights[i] == weights[0];
    return workers > 0 ? workers : equal ? shares->count : (int64_t)gns_weights_upto(shares, shares->count);
}

/* The share that contains (worker + 1/2) / workers. */
GNS_API int gns_home_share(const struct gns_shares *shares, int worker, int workers) {
    uint64_t middle = (2 * (uint64_t)worker + 1) * gns_weights_upto(shares, shares->count);
    int share = 0;
    while (share < shares->count - 1 && middle >= 2 * (uint64_t)workers * gns_weights_upto(shares, share + 1)) share++;
    return share;
}

/* First worker whose middle is not below `before` of `sum`: ceil((2*workers*before - sum) / (2*sum)). */
static int64_t gns_first_worker(uint64_t before, uint64_t sum, int64_t workers) {
    uint64_t twice = 2 * (uint64_t)workers * before;
    return twice <= sum ? 0 : (int64_t)((twice + sum - 1) / (2 * sum));
}
static int64_t gns_round_up(int64_t value, int64_t group) {
    return group > 1 ? (value + group - 1) / group * group : value;
}

/* Where worker i's part begins, which is where worker i-1's ends. Units are rows, or whole matrices. */
static int64_t gns_cut_start(const struct gns_shape *shape, int64_t units, int64_t worker, int64_t workers) {
    int64_t each = (units + workers - 1) / workers, start;
    if (shape->cut == GNS_CUT_ROWS_REPACKED_EXPERTS) {
        start = gns_round_up(worker * units / workers, shape->group);
    } else {
        start = worker < (units + each - 1) / (each > 0 ? each : 1) ? worker * each : units;
        if (shape->cut == GNS_CUT_ROWS_REPACKED) start = gns_round_up(start, shape->group);
    }
    return start < units ? start : units;
}

/* ==== Ranges: a tensor's bytes and their nodes ======================================================= */
/* Joins neighbours on the same node before they are emitted. */
struct gns_joiner {
    gns_emit emit;
    void *context;
    uint64_t start, end;
    int node;
};

static void gns_join(struct gns_joiner *joiner, uint64_t end, int node) {
    if (end <= joiner->end) return;
    if (node != joiner->node) {
        uint64_t length = joiner->end - joiner->start;
        if (length > 0) joiner->emit(joiner->context, joiner->start, length, joiner->node);
        joiner->start = joiner->end;
        joiner->node = node;
    }
    joiner->end = end;
}

/* Pages in turn: `weights[i]` (NULL: 1) pages on `nodes[i]`, counted from the tensor's first page. */
static void gns_range_pages(struct gns_joiner *joiner, const int *nodes, const int *weights, int count, uint64_t length,
                            uint64_t phase, uint64_t page) {
    uint64_t boundary = 0;
    if (count == 1) gns_join(joiner, length, nodes[0]);
    while (joiner->end < length && count > 0) {
        for (int i = 0; i < count && joiner->end < length; i++) {
            boundary += page * (weights != NULL ? (uint64_t)weights[i] : 1);
            gns_join(joiner, boundary - phase < length ? boundary - phase : length, nodes[i]);
        }
    }
}

/* Share i lies on the i-th of `nodes` nodes in turn. */
static void gns_range_rows(struct gns_joiner *joiner, const struct gns_shape *shape, const struct gns_shares *shares,
                           int nodes, int64_t workers) {
    int whole = shape->cut == GNS_CUT_MATRICES;
    uint64_t sum = gns_weights_upto(shares, shares->count);
    uint64_t unit = whole ? shape->row_bytes * (uint64_t)shape->rows : shape->row_bytes;
    int64_t units = whole ? shape->matrices : shape->rows, matrices = whole ? 1 : shape->matrices;
    for (int64_t matrix = 0; matrix < matrices; matrix++) {
        uint64_t base = (uint64_t)matrix * (uint64_t)units;
        for (int i = 0; i < shares->count; i++) {
            int64_t worker = gns_first_worker(gns_weights_upto(shares, i + 1), sum, workers);
            int64_t end = gns_cut_start(shape, units, worker, workers);
            gns_join(joiner, (base + (uint64_t)end) * unit, shares->nodes[i % nodes]);
        }
    }
}

/* Tells which bytes of a tensor go to which node: in order, disjoint, covering it, before rounding to pages.
 * `rule` NULL is the round robin: layer mod nodes, outside layers the first node. `shares` NULL: equal shares
 * of the rule's nodes. `workers` 0: unknown. `page_phase`: where in a page the tensor begins. */
GNS_API void gns_ranges(const struct gns_map *map, const struct gns_rule *rule, int layer,
                        const struct gns_shape *shape, const struct gns_shares *shares, int workers,
                        uint64_t page_phase, uint64_t page_size, gns_emit emit, void *context) {
    struct gns_joiner joiner = {emit, context, 0, 0, -1};
    uint64_t length = shape->row_bytes * (uint64_t)shape->rows * (uint64_t)shape->matrices;
    if (rule == NULL || rule->node_count == 0) {
        int count = map->machine.count;
        gns_join(&joiner, length, count == 0 ? 0 : map->machine.ids[layer < 0 ? 0 : layer % count]);
    } else if (rule->target == GNS_NODE) {
        gns_join(&joiner, length, rule->nodes[0]);
    } else if (rule->target == GNS_CYCLIC) {
        struct gns_shape plain = {shape->row_bytes, shape->rows, shape->matrices, 0, GNS_CUT_ROWS};
        struct gns_shares slices = {rule->nodes, NULL, rule->slices};
        gns_range_rows(&joiner, &plain, &slices, rule->node_count, rule->slices);
    } else if (rule->target == GNS_ROWS) {
        struct gns_shares own = {rule->nodes, NULL, rule->node_count};
        if (shares == NULL || shares->count == 0) shares = &own;
        int64_t count = gns_worker_count(shares, workers);
        if (shape->cut != GNS_CUT_NONE) gns_range_rows(&joiner, shape, shares, shares->count, count);
        else gns_range_pages(&joiner, shares->nodes, NULL, shares->count, length, page_phase, page_size);
    } else {
        gns_range_pages(&joiner, rule->nodes, rule->weights, rule->node_count, length, page_phase, page_size);
    }
    if (joiner.end > joiner.start) emit(context, joiner.start, joiner.end - joiner.start, joiner.node);
}

/* ==== Public: place tensors, and see where they are ================================================== */
#if defined(__powerpc__) || defined(__powerpc64__)
#define GGML_NUMA_SHARD_CACHE_LINE 128
#elif defined(__s390x__)
#define GGML_NUMA_SHARD_CACHE_LINE 256
#else
#define GGML_NUMA_SHARD_CACHE_LINE 64
#endif

/* How ggml reads a tensor. Set to 0 what is unknown. */
struct ggml_numa_shard_matrix {
    size_t row_size;    /* bytes of one row: nb1 */
    int64_t rows;       /* ne1 */
    int64_t matrices;   /* ne2 * ne3 */
    int64_t row_group;  /* rows that a repacked format keeps together; 0 when not repacked */
    int cut;            /* enum gns_cut + 1; 0: from the name, as ggml cuts such tensors */
    int workers;
};

/* One cache line a node, so that hosts may hand nodes to different threads. */
struct ggml_numa_shard_node {
    uint64_t asked_bytes; /* pages that the map wants here */
    uint64_t found_bytes; /* pages that the kernel reports here */
    int id;
    char pad[GGML_NUMA_SHARD_CACHE_LINE - 2 * sizeof(uint64_t) - sizeof(int)];
};

struct ggml_numa_shard_stats {
    int active;
    const char *method; /* bind, preferred, first-touch or none: the weakest that had to do */
    uint64_t tensors;
    uint64_t refused_bytes;   /* of pages that could not be placed */
    uint64_t misplaced_bytes; /* on another node than asked */
    uint64_t unknown_bytes;   /* not touched yet, or not reported: never counted as placed */
    const struct ggml_numa_shard_node *nodes; /* until the next call */
    int node_count;
};
typedef char gns_assert_line[sizeof(struct ggml_numa_shard_node) == GGML_NUMA_SHARD_CACHE_LINE ? 1 : -1];

#ifdef __linux__
enum { GNS_METHOD_NONE, GNS_METHOD_BIND, GNS_METHOD_PREFERRED, GNS_METHOD_TOUCH };
enum { GNS_MPOL_DEFAULT, GNS_MPOL_PREFERRED, GNS_MPOL_BIND, GNS_MPOL_INTERLEAVE, GNS_MPOL_MF_MOVE = 2 };
enum {
    GNS_MAX_RUNS = 32768,    /* each is a VMA, and vm.max_map_count allows the host 65,530 */
    GNS_WEIGHTED_RUNS = 256, /* a weighted tensor of more runs takes its pages in larger steps */
    GNS_RESERVE = 64 << 20   /* bytes left free on a node: binding to a full one wakes the OOM killer */
};

/* Pages with one wish: on the node, or interleaved over the nodes. */
struct gns_run {
    uintptr_t start;
    size_t length;
    const int *nodes;
    int count;
};

static struct {
    int active, method;
    struct gns_map map;
    struct ggml_numa_shard_node *nodes;
    uint64_t room[GNS_MAX_NODES];  /* by index, as all below: bytes that binding may still take */
    uint64_t bytes[GNS_MAX_NODES]; /* of the tensor being placed */
    struct gns_run *runs;
    size_t run_count;
    uint64_t tensors, refused;
    uintptr_t base, page_size, page; /* of the tensor being placed; the page being counted, and its bytes by node */
    uint64_t page_bytes[GNS_MAX_NODES];
    char error[320];
} gns_state;

static int gns_set_policy(uintptr_t start, size_t length, int mode, const int *nodes, int count) {
    enum { BITS = 8 * sizeof(unsigned long) };
    unsigned long mask[GNS_MAX_NODES / BITS] = {0};
    for (int i = 0; i < count; i++) mask[nodes[i] / BITS] |= 1UL << (nodes[i] % BITS);
    const unsigned long *wanted = count > 0 ? mask : NULL;
    return syscall(SYS_mbind, start, length, mode, wanted, GNS_MAX_NODES + 1, GNS_MPOL_MF_MOVE) == 0 ? 0 : errno;
}

/* Writes a run's pages on its node of that turn, from there; by the kernel, which refuses where a store crashes. */
static int gns_first_touch(const struct gns_run *run, int turn) {
    enum { BITS = 8 * sizeof(unsigned long), WORDS = 128 }; /* at least the 8192 CPUs that Linux can have */
    unsigned long before[WORDS] = {0}, wanted[WORDS] = {0};
    struct gns_nodes cpus;
    int pipes[2];
    if (gns_node_cpus(&cpus, run->nodes[turn], NULL) != 0 || pipe(pipes) != 0) return -1;
    for (int i = 0; i < cpus.count && cpus.ids[i] < WORDS * BITS; i++)
        wanted[cpus.ids[i] / BITS] |= 1UL << (cpus.ids[i] % BITS);
    long size = syscall(SYS_sched_getaffinity, 0, sizeof before, before);
    int failed = size <= 0 || syscall(SYS_sched_setaffinity, 0, sizeof wanted, wanted) != 0;
    uintptr_t page = gns_state.page_size, step = page * (uintptr_t)run->count, at = run->start + page * (uintptr_t)turn;
    for (; !failed && at < run->start + run->length; at += step)
        failed = write(pipes[1], (const void *)at, 1) != 1 || read(pipes[0], (void *)at, 1) != 1;
    if (size > 0) failed |= syscall(SYS_sched_setaffinity, 0, (size_t)size, before) != 0;
    close(pipes[0]);
    close(pipes[1]);
    gns_nodes_free(&cpus);
    return failed ? -1 : 0;
}

/* BIND while the node has room, else PREFERRED; where policies are refused first touch. 0, or why not. */
static int gns_apply_run(const struct gns_run *run) {
    uint64_t *room = &gns_state.room[gns_nodes_index(&gns_state.map.machine, run->nodes[0])];
    int bind = run->count > 1 ? GNS_MPOL_INTERLEAVE : GNS_MPOL_BIND, method = GNS_METHOD_BIND, error = ENOMEM;
    if (run->count > 1 || *room >= run->length)
        error = gns_set_policy(run->start, run->length, bind, run->nodes, run->count);
    if (error == 0 && run->count == 1) *room -= run->length;
    if (error != 0 && run->count == 1) {
        method = GNS_METHOD_PREFERRED;
        error = gns_set_policy(run->start, run->length, GNS_MPOL_PREFERRED, run->nodes, 1);
    }
    if (error == EPERM || error == ENOSYS) {
        method = GNS_METHOD_TOUCH;
        error = 0;
        for (int i = 0; i < run->count && error == 0; i++) error = gns_first_touch(run, i);
    }
    if (error == 0 && method > gns_state.method) gns_state.method = method;
    return error;
}

/* Notes a run; neighbours of one tensor on the same node are one. */
static void gns_add_run(uintptr_t start, size_t length, const int *nodes, int count, size_t first_run) {
    struct gns_run run = {start, length, nodes, count}, *runs = NULL;
    size_t taken = gns_state.run_count, last = taken - 1;
    if (taken > first_run && gns_state.runs[last].nodes == nodes &&
        gns_state.runs[last].start + gns_state.runs[last].length == start) {
        gns_state.runs[last].length += length;
        return;
    }
    if (taken < GNS_MAX_RUNS) runs = (struct gns_run *)gns_grow(gns_state.runs, taken, sizeof run);
    if (runs == NULL) {
        gns_state.refused += length;
        return;
    }
    gns_state.runs = runs;
    runs[gns_state.run_count++] = run;
}

/* A page that tensors share goes to the first, or to one that has most of it; the other's run gives it up. */
static int gns_claim(uintptr_t page, uint64_t bytes) {
    for (size_t i = 0; i < gns_state.run_count; i++) {
        struct gns_run *run = &gns_state.runs[i];
        if (page < run->start || page >= run->start + run->length) continue;
        if (bytes * 2 <= gns_state.page_size) return 0;
        if (page == run->start) run->start += gns_state.page_size;
        run->length -= gns_state.page_size; /* a shared page is the first or the last of its run */
    }
    return 1;
}

/* The page is left: it goes to the node with most of it; one shared with another tensor: see gns_claim. */
static void gns_settle_page(size_t first_run) {
    uint64_t sum = 0, bytes = 0;
    int best = 0;
    for (int i = 0; i < gns_state.map.machine.count; i++) {
        sum += gns_state.page_bytes[i];
        if (gns_state.page_bytes[i] > bytes) bytes = gns_state.page_bytes[best = i];
        gns_state.page_bytes[i] = 0;
    }
    if (sum == 0 || (sum < gns_state.page_size && !gns_claim(gns_state.page, bytes))) return;
    gns_add_run(gns_state.page, gns_state.page_size, &gns_state.nodes[best].id, 1, first_run);
}
static void gns_collect(void *context, uint64_t offset, uint64_t byte_length, int node) {
    size_t first_run = *(const size_t *)context;
    int index = gns_nodes_index(&gns_state.map.machine, node);
    gns_state.bytes[index] += byte_length;
    for (uintptr_t at = gns_state.base + (uintptr_t)offset, end = at + (uintptr_t)byte_length; at < end;) {
        uintptr_t size = gns_state.page_size, page = at / size * size, next = page + size < end ? page + size : end;
        if (page != gns_state.page) gns_settle_page(first_run);
        gns_state.page = page;
        if (at == page && next == page + size) { /* whole pages have one owner */
            next = end / size * size;
            gns_add_run(at, next - at, &gns_state.nodes[index].id, 1, first_run);
        } else {
            gns_state.page_bytes[index] += next - at;
        }
        at = next;
    }
}
static int gns_place(void *data, int layer, const struct gns_rule *rule, const struct gns_shape *shape, int workers) {
    size_t size = (size_t)shape->row_bytes * (size_t)shape->rows * (size_t)shape->matrices;
    size_t first_run = gns_state.run_count, page = gns_state.page_size, refused = (size_t)gns_state.refused;
    enum gns_target_kind target = rule != NULL ? rule->target : GNS_NODE;
    int most = 0, unowned = target == GNS_INTERLEAVE || (target == GNS_ROWS && shape->cut == GNS_CUT_NONE);
    gns_state.base = (uintptr_t)data;
    gns_state.tensors++;
    memset(gns_state.bytes, 0, sizeof gns_state.bytes);
    if (unowned && rule->node_count > 1) { /* one MPOL_INTERLEAVE; pages at the ends if half of them is ours */
        uintptr_t middle = gns_state.base + page / 2, first = middle / page * page, end = (middle + size) / page * page;
        gns_state.bytes[gns_nodes_index(&gns_state.map.machine, rule->nodes[0])] = size;
        if (end > first) gns_add_run(first, end - first, rule->nodes, rule->node_count, first_run);
    } else {
        size_t step = target == GNS_WEIGHTED ? page * (1 + size / page / GNS_WEIGHTED_RUNS) : page;
        size_t phase = gns_state.base % page;
        gns_ranges(&gns_state.map, rule, layer, shape, NULL, workers, phase, step, gns_collect, &first_run);
        gns_settle_page(first_run);
    }
    int failed = gns_state.run_count == first_run || gns_state.refused > refused;
    for (size_t i = first_run; i < gns_state.run_count; i++) {
        if (gns_apply_run(&gns_state.runs[i]) == 0) continue;
        gns_state.refused += gns_state.runs[i].length;
        failed = 1;
    }
    for (int i = 0; i < gns_state.map.machine.count; i++) if (gns_state.bytes[i] > gns_state.bytes[most]) most = i;
    return failed ? -1 : gns_state.nodes[most].id;
}

/* What binding may take of a node: what is free, or cache of files (FilePages would count shared memory too). */
static uint64_t gns_node_room(int node, const char *root) {
    int64_t free_bytes = gns_meminfo(node, root, "MemFree:");
    int64_t cache = gns_meminfo(node, root, "Active(file):") + gns_meminfo(node, root, "Inactive(file):");
    if (free_bytes < 0) return UINT64_MAX;
    int64_t bytes = free_bytes + (cache > 0 ? cache : 0) - GNS_RESERVE;
    return bytes > 0 ? (uint64_t)bytes : 0;
}

/* Frees everything and takes the policies back: a freed range would colour what is allocated there later. */
GNS_API void ggml_numa_shard_cleanup(void) {
    for (size_t i = 0; i < gns_state.run_count; i++)
        gns_set_policy(gns_state.runs[i].start, gns_state.runs[i].length, GNS_MPOL_DEFAULT, NULL, 0);
    free(gns_state.nodes);
    free(gns_state.runs);
    gns_map_free(&gns_state.map);
    memset(&gns_state, 0, sizeof gns_state);
}

/* ggml_numa_shard_init with a map (NULL: none) and a node directory (NULL: this machine's) of one's own. */
GNS_API int gns_init(const char *text, const char *root) {
    struct gns_nodes memory, usable;
    struct gns_error error = {"out-of-memory", 0, "shard map: no memory for the list of nodes"};
    ggml_numa_shard_cleanup();
    int failed = gns_nodes_read(&memory, &usable, root);
    if (failed == 0) failed = gns_map_parse(&gns_state.map, text, &memory, &usable, &error);
    size_t count = (size_t)memory.count;
    gns_nodes_free(&memory);
    gns_nodes_free(&usable);
    size_t size = count * sizeof *gns_state.nodes;
    gns_state.nodes = (struct ggml_numa_shard_node *)aligned_alloc(GGML_NUMA_SHARD_CACHE_LINE, size);
    if (gns_state.nodes != NULL) memset(gns_state.nodes, 0, size);
    if (failed != 0 || gns_state.nodes == NULL) {
        ggml_numa_shard_cleanup();
        snprintf(gns_state.error, sizeof gns_state.error, "%s [%s]", error.message, error.code);
        return -1;
    }
    for (int i = 0; i < gns_state.map.machine.count; i++) {
        gns_state.nodes[i].id = gns_state.map.machine.ids[i];
        gns_state.room[i] = gns_node_room(gns_state.nodes[i].id, root != NULL ? root : GNS_SYSFS_NODES);
    }
    gns_state.page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
    gns_state.active = count > 1 && !gns_state.map.observe;
    return gns_state.active;
}
GNS_API int ggml_numa_shard_init(void) {
    const char *text = getenv("GGML_NUMA_SHARD_MAP");
    return gns_init(text != NULL && *text != '\0' ? text : NULL, NULL);
}

GNS_API int ggml_numa_shard_assign_rows(const char *name, void *data, const struct ggml_numa_shard_matrix *matrix) {
    struct gns_shape shape = {matrix->row_size, matrix->rows, matrix->matrices, matrix->row_group, GNS_CUT_NONE};
    enum gns_role role;
    int layer;
    if (!gns_state.active || name == NULL || data == NULL || matrix->rows <= 0 || matrix->matrices <= 0) return -1;
    gns_classify(name, 0, &layer, &role);
    shape.cut = gns_default_cut(name, role, shape.rows, shape.matrices, shape.group > 1);
    if (matrix->cut > 0) shape.cut = (enum gns_cut)(matrix->cut - 1);
    uint64_t bytes = shape.row_bytes * (uint64_t)shape.rows * (uint64_t)shape.matrices;
    int many = shape.rows * shape.matrices > 1;
    const struct gns_rule *rule = gns_map_note(&gns_state.map, name, layer, role, bytes, many);
    return gns_place(data, layer, rule, &shape, matrix->workers);
}

static void gns_count_run(struct ggml_numa_shard_stats *out, const struct gns_run *run) {
    const struct gns_nodes *machine = &gns_state.map.machine, wanted = {(int *)run->nodes, run->count};
    size_t page = gns_state.page_size, total = run->length / page;
    void *pages[512];
    int found[512];
    for (int i = 0; i < run->count; i++)
        gns_state.nodes[gns_nodes_index(machine, run->nodes[i])].asked_bytes += run->length / (size_t)run->count;
    for (size_t done = 0, count; done < total; done += count) {
        count = total - done < 512 ? total - done : 512;
        for (size_t i = 0; i < count; i++) pages[i] = (void *)(run->start + (done + i) * page);
        int known = syscall(SYS_move_pages, 0, count, pages, NULL, found, 0) == 0;
        for (size_t i = 0; i < count; i++) {
            int index = known ? gns_nodes_index(machine, found[i]) : -1;
            if (index < 0) out->unknown_bytes += page;
            else gns_state.nodes[index].found_bytes += page;
            if (index >= 0 && gns_nodes_index(&wanted, found[i]) < 0) out->misplaced_bytes += page;
        }
    }
}

/* Asks the kernel where every page is. 0, or -1 when not active. */
GNS_API int ggml_numa_shard_get_stats(struct ggml_numa_shard_stats *out) {
    static const char *const methods[] = {"none", "bind", "preferred", "first-touch"};
    memset(out, 0, sizeof *out);
    out->active = gns_state.active;
    out->method = methods[gns_state.method];
    out->tensors = gns_state.tensors;
    out->refused_bytes = gns_state.refused;
    out->nodes = gns_state.nodes;
    out->node_count = gns_state.map.machine.count;
    for (int i = 0; i < out->node_count; i++) gns_state.nodes[i].asked_bytes = gns_state.nodes[i].found_bytes = 0;
    for (size_t i = 0; i < gns_state.run_count; i++) gns_count_run(out, &gns_state.runs[i]);
    return gns_state.active ? 0 : -1;
}

GNS_API const char *ggml_numa_shard_error(void) { return gns_state.error; }
static void gns_print_warning(void *context, const struct gns_error *warning) {
    fprintf((FILE *)context, "warning: %s [%s]\n", warning->message, warning->code);
}
static void gns_print_warnings(void) { gns_map_warnings(&gns_state.map, gns_print_warning, stderr); }
#else /* not Linux: everything is flat */
GNS_API int ggml_numa_shard_init(void) { return 0; }
GNS_API const char *ggml_numa_shard_error(void) { return ""; }
GNS_API void ggml_numa_shard_cleanup(void) {}
GNS_API int ggml_numa_shard_assign_rows(const char *name, void *data, const struct ggml_numa_shard_matrix *matrix) {
    return (void)name, (void)data, (void)matrix, -1;
}
GNS_API int ggml_numa_shard_get_stats(struct ggml_numa_shard_stats *out) {
    memset(out, 0, sizeof *out);
    out->method = "none";
    return -1;
}
static void gns_print_warnings(void) {}
#endif

/* Bytes of unknown rows: a `rows` rule cuts them evenly. */
GNS_API int ggml_numa_shard_assign(const char *name, void *data, size_t size) {
    struct ggml_numa_shard_matrix bytes = {1, (int64_t)size, 1, 0, 0, 0};
    return ggml_numa_shard_assign_rows(name, data, &bytes);
}

/* Prints what was asked and what was found, in MiB, on standard error. */
GNS_API void ggml_numa_shard_stats(void) {
    struct ggml_numa_shard_stats stats;
    const double mib = 1048576;
    int active = ggml_numa_shard_get_stats(&stats) == 0;
    fprintf(stderr, "ggml-numa-shard: %s, %.0f tensors\n", active ? stats.method : "flat", (double)stats.tensors);
    for (int i = 0; active && i < stats.node_count; i++) {
        const struct ggml_numa_shard_node *node = &stats.nodes[i];
        const char *format = "node %4d: asked %12.2f MiB, found %12.2f MiB\n";
        fprintf(stderr, format, node->id, (double)node->asked_bytes / mib, (double)node->found_bytes / mib);
    }
    if (!active) return;
    fprintf(stderr, "misplaced %.2f MiB, unknown %.2f MiB, refused %.2f MiB\n", (double)stats.misplaced_bytes / mib,
            (double)stats.unknown_bytes / mib, (double)stats.refused_bytes / mib);
    gns_print_warnings();
}

#endif /* GGML_NUMA_SHARD_H */
