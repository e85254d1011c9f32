// SPDX-License-Identifier: MIT
// Reads what was asked for, once, when ggml first shows itself; a process without ggml costs nothing.
#include "preload.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../include/numashard-env.h"

/* Threads of one share; above what any kernel has of CPUs (x86-64's NR_CPUS is 8192). */
#define NS_MAX_WEIGHT 8192

static struct ns_config config = {.map_text = ""};
static pthread_once_t config_once = PTHREAD_ONCE_INIT;
static atomic_flag complained = ATOMIC_FLAG_INIT;
_Atomic bool ns_rows, ns_places;

void ns_complain(const char *format, ...) {
    const char *level = getenv(NUMASHARD_ENV_LOG);
    const bool quiet = level && strcmp(level, "quiet") == 0;
    const bool every = level && (strcmp(level, "info") == 0 || strcmp(level, "debug") == 0);
    const int saved = errno;
    char line[1024];
    va_list arguments;
    if (quiet || (!every && atomic_flag_test_and_set(&complained))) return;
    int length = snprintf(line, sizeof line, "numashard: ");
    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    va_end(arguments);
    if (length > (int)sizeof line - 2) length = (int)sizeof line - 2;
    for (int i = 0; i < length; i++) /* names come from model files, and this goes to terminals */
        if ((unsigned char)line[i] < ' ' || line[i] == 127) line[i] = '?';
    line[length++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, (size_t)length); /* one write: lines of threads stay whole */
    (void)written;
    errno = saved;
}

/* A rows map that names its nodes lets shares speak of these alone. */
static bool may_have_share(int node) {
    const int *ids = NULL;
    const int count = gns_map_rows_nodes(&config.map, &ids);
    const struct ns_node *known = ns_node_by_id(node);
    bool named = count == 0;
    for (int i = 0; i < count; i++) named = named || ids[i] == node;
    return named && known && known->cpu_count && known->has_memory;
}

/* "0:16,1:16" → shares; false when it is not of that form or names a node twice or one that cannot run workers. */
static bool read_shares(const char *text) {
    size_t room = 1;
    for (const char *at = text; *at; at++) room += *at == ',';
    int *nodes = calloc(room, sizeof *nodes), *weights = calloc(room, sizeof *weights);
    int count = 0, sum = 0;
    bool good = nodes && weights;
    for (const char *at = text; good; at++) {
        char *colon, *end;
        const long node = strtol(at, &colon, 10);
        const long weight = *colon == ':' ? strtol(colon + 1, &end, 10) : 0;
        good = weight >= 1 && weight <= NS_MAX_WEIGHT && (*end == ',' || *end == 0) && node >= 0 &&
               node < NS_MAX_NODES && may_have_share((int)node);
        for (int i = 0; i < count && good; i++) good = nodes[i] != (int)node;
        if (!good) break;
        nodes[count] = (int)node;
        weights[count++] = (int)weight;
        sum += (int)weight;
        at = end;
        if (!*at) break;
    }
    if (!good) {
        free(nodes);
        free(weights);
        return false;
    }
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

static enum ns_residency read_residency(void) {
    const char *text = getenv(NUMASHARD_ENV_RESIDENCY);
    if (!text || !*text) return NS_RESIDENCY_UNSET;
    if (strcmp(text, "page-cache") == 0) return NS_PAGE_CACHE;
    if (strcmp(text, "private") == 0) return NS_PRIVATE;
    ns_complain("%s=\"%s\" is neither page-cache nor private; it is chosen as if unset", NUMASHARD_ENV_RESIDENCY, text);
    return NS_RESIDENCY_UNSET;
}

static void read_config(void) {
    const char *text = getenv(NUMASHARD_ENV_MAP), *threads = getenv(NUMASHARD_ENV_THREADS);
    struct gns_error error = {0};
    const int *ids = NULL;
    if (!text || !*text) return;
    config.map_text = strdup(text); /* the program may change its environment */
    if (!config.map_text || !ns_machine()->count) return;
    if (gns_map_parse(&config.map, config.map_text, &ns_machine()->with_memory, &ns_machine()->usable, &error) != 0) {
        ns_complain("%s: %s; the model runs as without numashard", NUMASHARD_ENV_MAP, error.message);
        return;
    }
    bool shared = threads && *threads && read_shares(threads);
    if (threads && *threads && !shared)
        ns_complain("%s=\"%s\" is not of the form node:threads,… for nodes with CPUs and memory that the map cuts rows "
                    "for; equal shares are used", NUMASHARD_ENV_THREADS, threads);
    if (!shared && !equal_shares()) {
        ns_complain("this process may use no node that has both CPUs and memory; the model runs as without numashard");
        return;
    }
    config.observe = config.map.observe;
    config.residency = read_residency();
    if (!config.observe && !ns_machine()->policy_allowed && ns_machine()->count > 1)
        ns_complain("this kernel or container refuses NUMA policy calls: pages are placed by first touch, unchecked");
    config.rows = !config.observe && gns_map_rows_nodes(&config.map, &ids) > 0;
    config.active = true;
    ns_rows = config.rows;
    ns_places = !config.observe;
}

const struct ns_config *ns_config(void) {
    const int saved = errno;
    pthread_once(&config_once, read_config);
    errno = saved;
    return &config;
}

const struct gns_rule *ns_config_rule(const struct ns_tensor *tensor) {
    const struct gns_rule *rule = gns_map_find(&config.map, tensor->name, tensor->layer, tensor->role);
    if (!rule && !gns_is_language_weight(tensor->name)) return NULL; /* left alone, which is no oversight */
    const bool matrix = tensor->shape.rows * tensor->shape.matrices > 1;
    return gns_map_note(&config.map, tensor->name, tensor->layer, tensor->role, tensor->byte_length, matrix);
}
