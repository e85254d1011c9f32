// SPDX-License-Identifier: MIT
// Shard maps of ggml-numa-shard.h: text to rules, the rule that wins, and the ranges it means.
// Input: the map, NUL, a tensor's name, NUL, numbers.
#include "../include/ggml-numa-shard.h"
#include "fuzz.h"

struct machine {
    int memory[6], usable[6], memory_count, usable_count; /* none: unknown */
};
static const struct machine machines[] = {
    {{0}, {0}, 0, 0},
    {{0, 1, 2, 3}, {0, 1, 2, 3}, 4, 4},
    {{0, 8, 16}, {0, 8}, 3, 2},
    {{0, 1}, {0}, 2, 0}, /* no CPUs */
    {{0}, {0}, 1, 1},
};

/* ---- the rules ---- */
static int characters(const char *text) {
    int count = 0;
    for (; *text; text++) count += (*text & 0xC0) != 0x80;
    return count;
}

static void check_error(const struct gns_error *error, const struct gns_map *map, const char *text) {
    static const char *const codes[] = {"map-syntax", "map-role",       "map-node",
                                        "map-range",  "map-empty-rule", "map-rows-nodes"};
    int known = 0;
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) known |= strcmp(error->code, codes[i]) == 0;
    FUZZ_CHECK(known);
    FUZZ_CHECK(error->column >= 1 && error->column <= characters(text) + 1);
    FUZZ_CHECK(memchr(error->message, 0, sizeof error->message) != NULL);
    FUZZ_CHECK(strncmp(error->message, "shard map, column ", 18) == 0);
    for (const char *c = error->message; *c; c++) FUZZ_CHECK((unsigned char)*c >= ' ' && *c != 127);
    FUZZ_CHECK(map->rules == NULL && map->count == 0 && map->machine.ids == NULL && map->rows_rule == -1);
}

static void check_rule(const struct gns_map *map, const struct gns_rule *rule) {
    FUZZ_CHECK(rule->text && *rule->text && rule->column >= 1);
    FUZZ_CHECK((rule->selector == GNS_NAME) == (rule->glob != NULL));
    FUZZ_CHECK(rule->first >= 0 && rule->first <= rule->last && rule->last <= GNS_MAX_LAYER);
    FUZZ_CHECK((int)rule->role >= 0 && rule->role < GNS_ROLE_COUNT);
    FUZZ_CHECK(rule->target != GNS_CYCLIC || (rule->slices >= 1 && rule->slices <= GNS_MAX_SLICES));
    FUZZ_CHECK(rule->node_count > 0 || (rule->all && map->machine.count == 0));
    for (int i = 0; i < rule->node_count; i++) {
        FUZZ_CHECK(rule->nodes[i] >= 0 && rule->nodes[i] < GNS_MAX_NODES);
        FUZZ_CHECK(map->machine.count == 0 || gns_nodes_index(&map->machine, rule->nodes[i]) >= 0);
        FUZZ_CHECK(rule->weights[i] >= 1 && rule->weights[i] <= GNS_MAX_WEIGHT);
        FUZZ_CHECK(rule->target == GNS_WEIGHTED || rule->weights[i] == 1);
    }
}

static void check_map(const struct gns_map *map) {
    FUZZ_CHECK(map->observe ? map->count == 0 : map->count > 0);
    for (int i = 0; i < map->count; i++) {
        check_rule(map, &map->rules[i]);
        FUZZ_CHECK(i == 0 || map->rules[i].column > map->rules[i - 1].column);
    }
    FUZZ_CHECK(map->rows_rule < map->count);
    FUZZ_CHECK(map->rows_rule < 0 || map->rules[map->rows_rule].target == GNS_ROWS);
}

/* ---- the ranges ---- */
struct cover {
    const struct gns_map *map;
    uint64_t end;
    int node;
};

static void add_range(void *context, uint64_t offset, uint64_t length, int node) {
    struct cover *cover = context;
    FUZZ_CHECK(offset == cover->end && length > 0 && node != cover->node);
    FUZZ_CHECK(cover->map->machine.count == 0 || gns_nodes_index(&cover->map->machine, node) >= 0);
    cover->end += length;
    cover->node = node;
}

static void check_workers(const struct gns_shape *shape, const struct gns_shares *shares, int workers) {
    int64_t units = shape->cut == GNS_CUT_MATRICES ? shape->matrices : shape->rows, reached = 0;
    for (int i = 0; i < workers; i++) {
        int home = gns_home_share(shares, i, workers);
        int64_t end = gns_cut_start(shape, units, i + 1, workers);
        FUZZ_CHECK(home >= 0 && home < shares->count);
        FUZZ_CHECK(end >= reached && end <= units);
        reached = end;
    }
    FUZZ_CHECK(gns_cut_start(shape, units, 0, workers) == 0 && reached == units);
}

static void check_warning(void *context, const struct gns_error *warning) {
    int *column = context;
    FUZZ_CHECK(warning->column >= *column && memchr(warning->message, 0, sizeof warning->message) != NULL);
    FUZZ_CHECK(strncmp(warning->message, "shard map", 9) == 0);
    *column = warning->column;
}

static void resolve(struct gns_map *map, const char *name, struct fuzz_input *input) {
    static const int64_t groups[] = {1, 4, 8, 16};
    static const uint64_t page_sizes[] = {512, 4096, 65536};
    const int *nodes = NULL;
    int layer, weights[GNS_MAX_NODES], count = gns_map_rows_nodes(map, &nodes);
    enum gns_role role;
    gns_classify(name, (int)fuzz_number(input, 0, 1), &layer, &role);
    FUZZ_CHECK(layer >= -1 && (int)role >= 0 && role < GNS_ROLE_COUNT);
    struct gns_shape shape = {
        .row_bytes = (uint64_t)fuzz_number(input, 1, 4096), .rows = fuzz_number(input, 1, 600),
        .matrices = fuzz_number(input, 1, 4), .group = groups[fuzz_number(input, 0, 3)]};
    shape.cut = gns_default_cut(name, role, shape.rows, shape.matrices, shape.group > 1);
    const uint64_t page = page_sizes[fuzz_number(input, 0, 2)], phase = (uint64_t)fuzz_number(input, 0, 511);
    const int workers = (int)fuzz_number(input, 0, 255);
    for (int i = 0; i < count; i++) weights[i] = (int)fuzz_number(input, 0, 40);
    const struct gns_shares shares = {nodes, fuzz_number(input, 0, 1) ? weights : NULL, count};
    struct cover cover = {map, 0, -1};
    const struct gns_rule *rule = gns_map_find(map, name, layer, role);
    int column = 0;
    FUZZ_CHECK(gns_map_note(map, name, layer, role, shape.row_bytes, shape.rows > 1) == rule);
    gns_map_warnings(map, check_warning, &column);
    gns_ranges(map, rule, layer, &shape, count ? &shares : NULL, workers, phase, page,
               add_range, &cover);
    FUZZ_CHECK(cover.end == shape.row_bytes * (uint64_t)shape.rows * (uint64_t)shape.matrices);
    if (count && workers) check_workers(&shape, &shares, workers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz_input input = {data, size};
    char *text = fuzz_text(&input), *name = fuzz_text(&input);
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        const struct machine *machine = &machines[i];
        const struct gns_nodes memory = {(int *)machine->memory, machine->memory_count};
        const struct gns_nodes usable = {(int *)machine->usable, machine->usable_count};
        struct fuzz_input numbers = input;
        struct gns_map map;
        struct gns_error error = {"", 0, ""};
        int failed = gns_map_parse(&map, text, i ? &memory : NULL, i ? &usable : NULL, &error);
        if (failed) check_error(&error, &map, text);
        else check_map(&map);
        if (!failed && !map.observe) resolve(&map, name, &numbers);
        gns_map_free(&map);
    }
    free(text);
    free(name);
    return 0;
}
