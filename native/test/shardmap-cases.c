// SPDX-License-Identifier: MIT
/*
 * Answers questions about shard maps, one a line, so that test/shardmap/ can hold the header against TypeScript.
 * Fields are separated by tabs; in them \t \n \r \\ stand escaped. First field:
 *   parse   NODES USABLE MAP                                → ok MAP | error CODE COLUMN
 *   find    NODES USABLE MAP NAME TIED                      → LAYER ROLE RULE
 *   ranges  NODES USABLE MAP NAME TIED ROW ROWS MATRICES GROUP REPACKED SHARES WORKERS PHASE PAGE → CUT RANGES
 *   home    SHARES WORKERS                                  → one share index a worker
 *   warn    NODES USABLE MAP, then NAME BYTES MATRIX of each tensor → CODE COLUMN of each warning
 *   nodes   ROOT                                            → nodes with memory | with CPUs too | CPUs of each of these
 * NODES is 0,1,2 or - for an unknown machine; SHARES is 0:16,1:16 or empty; RANGES are offset+length@node.
 */
#include "../include/ggml-numa-shard.h"

enum { MAX_FIELDS = 100 };

static char *fields[MAX_FIELDS];
static int field_count;

static void unescape(char *text) {
    char *out = text;
    for (; *text != '\0'; text++) {
        if (*text != '\\') *out++ = *text;
        else *out++ = *++text == 't' ? '\t' : *text == 'n' ? '\n' : *text == 'r' ? '\r' : '\\';
    }
    *out = '\0';
}

static void split(char *line) {
    line[strcspn(line, "\n")] = '\0';
    field_count = 0;
    for (char *at = line; at != NULL && field_count < MAX_FIELDS;) {
        char *tab = strchr(at, '\t');
        if (tab != NULL) *tab++ = '\0';
        fields[field_count++] = at;
        at = tab;
    }
    for (int i = 0; i < field_count; i++) unescape(fields[i]);
}

static int64_t number(int index) { return index < field_count ? strtoll(fields[index], NULL, 10) : 0; }

static struct gns_nodes nodes(int index) {
    struct gns_nodes list = {NULL, 0};
    for (char *at = fields[index]; *at >= '0' && *at <= '9'; at += *at == ',') {
        if (gns_nodes_add(&list, (int)strtol(at, &at, 10)) != 0) abort();
    }
    return list;
}

static int share_nodes[1024], share_weights[1024];

static struct gns_shares shares(int index) {
    struct gns_shares list = {share_nodes, share_weights, 0};
    for (char *at = fields[index]; *at >= '0' && *at <= '9'; at += *at == ',') {
        share_nodes[list.count] = (int)strtol(at, &at, 10);
        share_weights[list.count++] = (int)strtol(at + 1, &at, 10);
    }
    return list;
}

static int parse(struct gns_map *map, struct gns_error *error) {
    struct gns_nodes machine = nodes(1), usable = nodes(2);
    int result = gns_map_parse(map, fields[3], &machine, &usable, error);
    gns_nodes_free(&machine);
    gns_nodes_free(&usable);
    return result;
}

static void print_nodes(const struct gns_rule *rule) {
    for (int i = 0, last; i < rule->node_count; i = last + 1) {
        for (last = i; last + 1 < rule->node_count && rule->nodes[last + 1] == rule->nodes[last] + 1;) last++;
        printf("%s%d", i == 0 ? "" : ",", rule->nodes[i]);
        if (last > i) printf("-%d", rule->nodes[last]);
    }
}

static void print_target(const struct gns_rule *rule) {
    switch (rule->target) {
    case GNS_NODE: printf("node%d", rule->nodes[0]); return;
    case GNS_INTERLEAVE: printf("interleave("); break;
    case GNS_ROWS: printf(rule->all ? "rows" : "rows("); break;
    case GNS_CYCLIC: printf(rule->all ? "cyclic(%d" : "cyclic(%d,", rule->slices); break;
    case GNS_WEIGHTED: printf("weighted("); break;
    }
    for (int i = 0; rule->target == GNS_WEIGHTED && i < rule->node_count; i++) {
        printf("%s%d=%d", i == 0 ? "" : ",", rule->nodes[i], rule->weights[i]);
    }
    if (rule->target == GNS_INTERLEAVE && rule->all) printf("all");
    if (rule->target != GNS_WEIGHTED && !rule->all) print_nodes(rule);
    if (rule->target != GNS_ROWS || !rule->all) printf(")");
}

static void print_rule(const struct gns_rule *rule) {
    int has_layers = rule->selector == GNS_LAYERS || rule->selector == GNS_LAYERS_ROLE;
    int has_role = rule->selector == GNS_ROLE || rule->selector == GNS_LAYERS_ROLE;
    if (has_layers) printf("%d", rule->first);
    if (has_layers && rule->last > rule->first) printf("-%d", rule->last);
    if (has_layers && has_role) printf(".");
    if (has_role) printf("%s", gns_role_names[rule->role]);
    if (rule->selector == GNS_NAME) printf("name=%s", rule->glob);
    if (rule->selector == GNS_ANY) printf("*");
    printf(":");
    print_target(rule);
}

static void print_range(void *context, uint64_t offset, uint64_t byte_length, int node) {
    (void)context;
    printf(" %llu+%llu@%d", (unsigned long long)offset, (unsigned long long)byte_length, node);
}

static void answer_ranges(const struct gns_map *map, const struct gns_rule *rule, int layer, enum gns_role role) {
    static const char *const cuts[] = {"rows", "rows-repacked", "rows-repacked-experts", "matrices", "none"};
    struct gns_shape shape = {(uint64_t)number(6), number(7), number(8), number(9), GNS_CUT_NONE};
    struct gns_shares list = shares(11);
    shape.cut = gns_default_cut(fields[4], role, shape.rows, shape.matrices, (int)number(10));
    printf("%s", cuts[shape.cut]);
    gns_ranges(map, rule, layer, &shape, &list, (int)number(12), (uint64_t)number(13), (uint64_t)number(14), print_range, NULL);
}

static void print_warning(void *context, const struct gns_error *warning) {
    int *count = (int *)context;
    printf("%s%s %d", (*count)++ == 0 ? "" : ", ", warning->code, warning->column);
}

static void answer_warnings(struct gns_map *map) {
    int count = 0;
    for (int i = 4; i + 2 < field_count; i += 3) {
        int layer;
        enum gns_role role;
        gns_classify(fields[i], 0, &layer, &role);
        gns_map_note(map, fields[i], layer, role, (uint64_t)number(i + 1), (int)number(i + 2));
    }
    gns_map_warnings(map, print_warning, &count);
}

static void answer_map(void) {
    struct gns_map map;
    struct gns_error error;
    if (parse(&map, &error) != 0) {
        printf("error %s %d", error.code, error.column);
        return;
    }
    if (strcmp(fields[0], "parse") == 0) {
        printf(map.observe ? "ok observe" : "ok ");
        for (int i = 0; i < map.count; i++) {
            if (i > 0) printf(",");
            print_rule(&map.rules[i]);
        }
    } else if (strcmp(fields[0], "warn") == 0) {
        answer_warnings(&map);
    } else {
        int layer;
        enum gns_role role;
        gns_classify(fields[4], (int)number(5), &layer, &role);
        const struct gns_rule *rule = gns_map_find(&map, fields[4], layer, role);
        if (strcmp(fields[0], "ranges") == 0) answer_ranges(&map, rule, layer, role);
        else printf("%d %s %s", layer, gns_role_names[role], rule == NULL ? "-" : rule->text);
    }
    gns_map_free(&map);
}

#ifdef __linux__
static void print_ids(const char *before, const struct gns_nodes *list) {
    printf("%s", before);
    for (int i = 0; i < list->count; i++) printf("%s%d", i == 0 ? "" : ",", list->ids[i]);
}

static void answer_nodes(void) {
    struct gns_nodes memory, usable, cpus;
    if (gns_nodes_read(&memory, &usable, fields[1]) != 0) abort();
    print_ids("", &memory);
    print_ids(" | ", &usable);
    for (int i = 0; i < usable.count; i++) {
        if (gns_node_cpus(&cpus, usable.ids[i], fields[1]) != 0) abort();
        print_ids(" | ", &cpus);
        gns_nodes_free(&cpus);
    }
    gns_nodes_free(&memory);
    gns_nodes_free(&usable);
}
#else
static void answer_nodes(void) {}
#endif

int main(void) {
    static char line[1 << 24];
    while (fgets(line, sizeof line, stdin) != NULL) {
        split(line);
        if (strcmp(fields[0], "home") == 0) {
            struct gns_shares list = shares(1);
            for (int i = 0; i < number(2); i++) printf("%s%d", i == 0 ? "" : " ", gns_home_share(&list, i, (int)number(2)));
        } else if (strcmp(fields[0], "nodes") == 0) {
            answer_nodes();
        } else {
            answer_map();
        }
        printf("\n");
    }
    return 0;
}
