// SPDX-License-Identifier: MIT
// Reads what was asked for, once, when ggml first shows itself; a process without ggml costs nothing.
#include "preload.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../include/numashard-env.h"

static struct ns_config config;
static pthread_once_t config_once = PTHREAD_ONCE_INIT;
static atomic_flag complained = ATOMIC_FLAG_INIT;

static int log_level(void) {
    const char *level = getenv(NUMASHARD_ENV_LOG);
    if (!level) return 1;
    if (strcmp(level, "quiet") == 0) return 0;
    if (strcmp(level, "info") == 0) return 2;
    if (strcmp(level, "debug") == 0) return 3;
    return 1;
}

static void print_line(const char *format, va_list arguments) {
    char line[1024];
    int length = snprintf(line, sizeof line, "numashard: ");
    length += vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
    line[length++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, (size_t)length);
    (void)written;
}

void ns_complain(const char *format, ...) {
    if (log_level() < 1 || (log_level() < 2 && atomic_flag_test_and_set(&complained))) return;
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
}

void ns_debug(const char *format, ...) {
    if (log_level() < 3) return;
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments);
    va_end(arguments);
}

/* "0:16,1:16" → shares; false when it is not of that form or names a node that cannot run workers. */
static bool read_shares(const char *text) {
    int capacity = 1;
    for (const char *at = text; *at; at++) capacity += *at == ',';
    int *nodes = calloc((size_t)capacity, sizeof *nodes), *weights = calloc((size_t)capacity, sizeof *weights);
    if (!nodes || !weights) return false;
    int count = 0, sum = 0;
    for (const char *at = text; *at;) {
        char *end;
        long node = strtol(at, &end, 10);
        if (end == at || *end != ':') return false;
        at = end + 1;
        long weight = strtol(at, &end, 10);
        if (end == at || weight < 1 || weight > 4096 || (*end && *end != ',')) return false;
        const struct ns_node *known = ns_node_by_id((int)node);
        if (!known || !known->cpu_count || !known->has_memory) return false;
        nodes[count] = (int)node;
        weights[count++] = (int)weight;
        sum += (int)weight;
        at = *end ? end + 1 : end;
    }
    if (!count) return false;
    config.shares = (struct gns_shares){nodes, weights, count};
    config.share_sum = sum;
    return true;
}

static bool equal_shares(void) {
    const int *ids = NULL;
    int count = gns_map_rows_nodes(&config.map, &ids);
    if (!count) {
        ids = ns_machine()->usable.ids;
        count = ns_machine()->usable.count;
    }
    int *nodes = calloc((size_t)count + 1, sizeof *nodes), *weights = calloc((size_t)count + 1, sizeof *weights);
    if (!nodes || !weights) return false;
    for (int i = 0; i < count; i++) {
        nodes[i] = ids[i];
        weights[i] = 1;
    }
    config.shares = (struct gns_shares){nodes, weights, count};
    return count > 0;
}

static void read_config(void) {
    const char *text = getenv(NUMASHARD_ENV_MAP);
    if (!text || !*text) return;
    snprintf(config.map_text, sizeof config.map_text, "%s", text);
    struct gns_error error = {0};
    if (gns_map_parse(&config.map, text, &ns_machine()->with_memory, &ns_machine()->usable, &error) != 0) {
        ns_complain("%s, column %d: %s; the model runs as without numashard", NUMASHARD_ENV_MAP, error.column,
                    error.message);
        return;
    }
    config.observe = config.map.observe;
    const int *ids = NULL;
    config.rows = !config.observe && gns_map_rows_nodes(&config.map, &ids) > 0;
    const char *threads = getenv(NUMASHARD_ENV_THREADS);
    if (threads && *threads && !read_shares(threads)) {
        ns_complain("%s=\"%s\" is not of the form node:threads,… for nodes with CPUs and memory; equal shares are used",
                    NUMASHARD_ENV_THREADS, threads);
        threads = NULL;
    }
    if ((!threads || !*threads) && !equal_shares()) return;
    config.active = true;
}

const struct ns_config *ns_config(void) {
    pthread_once(&config_once, read_config);
    return &config;
}
