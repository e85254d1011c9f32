// SPDX-License-Identifier: MIT
// The report as JSON: what was announced, where it was put, what the kernel said right after, who reads it.
// The format is docs/report.md's; src/runtime/preload-report.ts reads it.
#include "preload.h"

#include <inttypes.h>

static void put_text(FILE *out, const char *text) {
    fputc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') fprintf(out, "\\%c", c);
        else if (c < 0x20) fprintf(out, "\\u%04x", c);
        else fputc(c, out);
    }
    fputc('"', out);
}

static void put_nodes(FILE *out, const struct ns_tensor *tensor) {
    const char *separator = "";
    fputs("{", out);
    for (int i = 0; i < ns_machine()->count; i++) {
        if (!tensor->node_bytes[i]) continue;
        fprintf(out, "%s\"%d\":%" PRIu64, separator, ns_machine()->nodes[i].id, tensor->node_bytes[i]);
        separator = ",";
    }
    fputs("}", out);
}

static const char *cut_name(enum gns_cut cut) {
    switch (cut) {
    case GNS_CUT_ROWS: return "rows";
    case GNS_CUT_ROWS_REPACKED: return "rows-repacked";
    case GNS_CUT_ROWS_REPACKED_EXPERTS: return "rows-repacked-experts";
    case GNS_CUT_MATRICES: return "matrices";
    case GNS_CUT_NONE: return "none";
    }
    return "none";
}

static void put_tensor(FILE *out, const struct ns_tensor *tensor) {
    if (tensor->kind == NS_WEIGHT) fprintf(out, "{\"model\":%d,\"name\":", tensor->model);
    else fputs("{\"model\":null,\"name\":", out); /* ggml does not say for which model a buffer is */
    put_text(out, tensor->name);
    fputs(",\"buffer\":", out);
    put_text(out, tensor->buffer);
    fprintf(out, ",\"cut\":\"%s\",\"group\":%" PRId64 ",\"inHostMemory\":%s", cut_name(tensor->shape.cut),
            tensor->shape.group ? tensor->shape.group : 1, tensor->on_host ? "true" : "false");
    if (tensor->on_host && tensor->address) fprintf(out, ",\"address\":%" PRIuPTR, tensor->address);
    else fputs(",\"address\":null", out);
    fprintf(out, ",\"byteLength\":%" PRIu64, tensor->byte_length);
    if (tensor->kind == NS_WEIGHT)
        fprintf(out, ",\"ggmlType\":%d,\"shape\":[%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 "],\"rowBytes\":%" PRIu64,
                tensor->type, tensor->ne[0], tensor->ne[1], tensor->ne[2], tensor->ne[3], tensor->shape.row_bytes);
    fprintf(out, ",\"residency\":\"%s\",\"fileOffset\":", tensor->mapped && !tensor->overlaid ? "page-cache" : "private");
    if (tensor->mapped) fprintf(out, "%" PRIu64, tensor->file_offset);
    else fputs("null", out);
    fprintf(out, ",\"misplacedBytes\":%" PRIu64 ",\"absentBytes\":%" PRIu64 ",\"unknownBytes\":%" PRIu64 ",\"nodes\":",
            tensor->misplaced, tensor->absent, tensor->unknown);
    put_nodes(out, tensor);
    fputs("}", out);
}

static void put_tensors(FILE *out, const char *key, enum ns_kind kind) {
    const char *separator = "";
    fprintf(out, ",\n\"%s\":[", key);
    for (size_t i = 0; i < ns_registry_count(); i++) {
        const struct ns_tensor *tensor = ns_registry_at(i);
        if (tensor->kind != kind) continue;
        fputs(separator, out);
        fputs("\n", out);
        put_tensor(out, tensor);
        separator = ",";
    }
    for (size_t i = 0; kind == NS_OTHER && i < 2; i++) {
        if (!ns_last_look_at(i)) continue;
        fprintf(out, "%s\n", separator);
        put_tensor(out, ns_last_look_at(i));
        separator = ",";
    }
    fputs("]", out);
}

/* The first weight for which `is_same` holds is the one at `index` itself. */
static bool is_first(size_t index, bool (*is_same)(const struct ns_tensor *, const struct ns_tensor *)) {
    for (size_t i = 0; i < index; i++)
        if (ns_registry_at(i)->kind == NS_WEIGHT && is_same(ns_registry_at(i), ns_registry_at(index))) return false;
    return true;
}

static bool same_model(const struct ns_tensor *one, const struct ns_tensor *other) { return one->model == other->model; }
static bool same_file(const struct ns_tensor *one, const struct ns_tensor *other) {
    return one->model == other->model && one->file == other->file;
}

static void put_files(FILE *out, int model) {
    const char *separator = "", *last = NULL;
    for (size_t i = 0; i < ns_registry_count(); i++) {
        const struct ns_tensor *tensor = ns_registry_at(i);
        if (tensor->kind != NS_WEIGHT || tensor->model != model || tensor->file == last || !*tensor->file) continue;
        last = tensor->file;
        if (!is_first(i, same_file)) continue;
        fputs(separator, out);
        put_text(out, tensor->file);
        separator = ",";
    }
}

static void put_models(FILE *out) {
    const char *separator = "";
    int last = -1;
    fputs(",\n\"models\":[", out);
    for (size_t i = 0; i < ns_registry_count(); i++) {
        const struct ns_tensor *tensor = ns_registry_at(i);
        if (tensor->kind != NS_WEIGHT || tensor->model == last) continue;
        last = tensor->model;
        if (!is_first(i, same_model)) continue;
        fprintf(out, "%s\n{\"id\":%d,\"files\":[", separator, tensor->model);
        put_files(out, tensor->model);
        fputs("]}", out);
        separator = ",";
    }
    fputs("]", out);
}

static void put_workers(FILE *out) {
    const char *separator = "";
    int seen[16], seen_count = 0;
    fputs(",\n\"workers\":[", out);
    for (struct ns_worker *worker = ns_workers(); worker; worker = worker->next) {
        bool replaced = false; /* the same index of a later graph speaks for it */
        for (struct ns_worker *other = ns_workers(); other && !replaced; other = other->next)
            replaced = other != worker && other->index == worker->index && other->graph > worker->graph;
        if (replaced) continue;
        bool known = false;
        for (int i = 0; i < seen_count && !known; i++) known = seen[i] == worker->threads;
        if (!known && seen_count < 16) seen[seen_count++] = worker->threads;
        fprintf(out, "%s\n{\"index\":%d,\"threads\":%d,\"tid\":%d,\"node\":", separator, worker->index, worker->threads,
                (int)worker->tid);
        if (worker->home < 0) fputs("null", out);
        else fprintf(out, "%d", worker->home);
        fputs(",\"cpus\":[", out);
        const char *comma = "";
        for (int cpu = 0; cpu < (int)(8 * sizeof worker->cpus); cpu++)
            if (worker->cpus[cpu / 8] >> cpu % 8 & 1) {
                fprintf(out, "%s%d", comma, cpu);
                comma = ",";
            }
        fputs("]}", out);
        separator = ",";
    }
    fputs("],\n\"threads\":", out);
    if (!seen_count) {
        fprintf(out, "\"%s\"", ns_graph_count() ? "not reached" : "assumed");
        return;
    }
    fputs("{\"asked\":", out);
    if (ns_config()->share_sum) fprintf(out, "%d", ns_config()->share_sum);
    else fputs("null", out);
    fputs(",\"seen\":[", out);
    for (int i = 0; i < seen_count; i++) fprintf(out, "%s%d", i ? "," : "", seen[i]);
    fputs("]}", out);
}

static void put_shares(FILE *out) {
    const struct gns_shares *shares = &ns_config()->shares;
    fputs(",\n\"shares\":[", out);
    for (int i = 0; i < shares->count; i++)
        fprintf(out, "%s{\"node\":%d,\"weight\":%d}", i ? "," : "", shares->nodes[i], shares->weights[i]);
    fprintf(out, "],\"placedWorkers\":%d", ns_totals.placed_workers);
}

struct warning_list {
    FILE *out;
    const char *separator;
};

static void put_map_warning(void *context, const struct gns_error *warning) {
    struct warning_list *list = context;
    fprintf(list->out, "%s{\"code\":\"%s\",\"message\":", list->separator, warning->code);
    put_text(list->out, warning->message);
    fputs("}", list->out);
    list->separator = ",";
}

static void put_warnings(FILE *out) {
    const char *separator = "";
    fputs(",\n\"warnings\":[", out);
    if (ns_totals.spilled_bytes) {
        fprintf(out, "{\"code\":\"node-full\",\"message\":\"%" PRIu64 " bytes went to the nearest node with room\"}",
                ns_totals.spilled_bytes);
        separator = ",";
    }
    if (ns_totals.refused_bytes) {
        fprintf(out, "%s{\"code\":\"overlay-refused\",\"message\":\"%" PRIu64 " bytes stay where llama.cpp put them\"}", separator,
                ns_totals.refused_bytes);
        separator = ",";
    }
    if (ns_totals.cached_bytes) {
        fprintf(out, "%s{\"code\":\"private-refused\",\"message\":\"no private memory for %" PRIu64
                     " bytes: placed in the page cache\"}", separator, ns_totals.cached_bytes);
        separator = ",";
    }
    if (ns_totals.kept_pages) {
        fprintf(out, "%s{\"code\":\"mapped-elsewhere\",\"message\":\"%" PRIu64
                     " pages stay on other nodes, because another process maps them\"}", separator, ns_totals.kept_pages);
        separator = ",";
    }
    struct warning_list list = {out, separator};
    if (ns_config()->map.noted_bytes) gns_map_warnings(&ns_config()->map, put_map_warning, &list);
    separator = list.separator;
    if (ns_totals.recut_pages)
        fprintf(out, "%s{\"code\":\"moved-for-workers\",\"message\":\"%" PRIu64 " pages moved for %d workers\"}", separator,
                ns_totals.recut_pages, ns_totals.placed_workers);
    fputs("]", out);
}

static void put_totals(FILE *out) {
    uint64_t placed = 0, misplaced = 0, absent = 0, unknown = 0;
    bool is_mapped = false, is_private = false;
    for (size_t i = 0; i < ns_registry_count(); i++) {
        const struct ns_tensor *tensor = ns_registry_at(i);
        if (tensor->kind != NS_WEIGHT || !tensor->on_host || !tensor->ours) continue;
        placed += tensor->byte_length;
        misplaced += tensor->misplaced;
        absent += tensor->absent;
        unknown += tensor->unknown;
        is_mapped = is_mapped || tensor->mapped;
        is_private = is_private || tensor->overlaid;
    }
    const char *reason = ns_totals.residency_reason;
    fprintf(out, ",\n\"residency\":\"%s\",\"residencyReason\":", is_mapped && !is_private ? "page-cache" : "private");
    fprintf(out, reason ? "\"%s\"" : "null", reason);
    fputs(",\"method\":\"move_pages\"", out);
    fprintf(out, ",\n\"placedBytes\":%" PRIu64 ",\"misplacedBytes\":%" PRIu64, placed, misplaced);
    fprintf(out, ",\"absentBytes\":%" PRIu64 ",\"unknownBytes\":%" PRIu64, absent, unknown);
    fprintf(out, ",\"readPages\":%" PRIu64, ns_totals.read_pages);
    fprintf(out, ",\"movedPages\":%" PRIu64 ",\"seconds\":%.6f,\"graphs\":%" PRIu64, ns_totals.moved_pages,
            ns_totals.seconds, ns_graph_count());
}

void ns_report_print(FILE *out) {
    fprintf(out, "{\"schema\":\"numashard/report/1\",\n\"pid\":%d,\"startTicks\":%" PRIu64 ",\"map\":", (int)getpid(),
            ns_start_ticks());
    put_text(out, ns_config()->map_text);
    fputs(",\"ggmlVersion\":", out);
    if (ns_ggml_version()) put_text(out, ns_ggml_version());
    else fputs("null", out);
    put_models(out);
    put_totals(out);
    put_shares(out);
    put_workers(out);
    put_tensors(out, "tensors", NS_WEIGHT);
    put_tensors(out, "other", NS_OTHER);
    put_warnings(out);
    fputs("}\n", out);
}
