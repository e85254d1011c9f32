// SPDX-License-Identifier: MIT
// A program of one's own on top of libllama, as node-llama-cpp and others are: models and contexts, loaded, used and
// freed in the order that its arguments say. No header of llama.cpp is needed: parameters are handed on as they
// come, in more room than any version's take (System V and ELFv2 ABIs: passed and returned in memory).
#include <dirent.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS 128 /* one for each letter */

struct parameters {
    unsigned char bytes[1024];
};

static struct {
    void (*log_set)(void (*log)(int, const char *, void *), void *);
    void (*load_backends)(const char *directory);
    struct parameters (*model_defaults)(void);
    void *(*load)(const char *path, struct parameters parameters);
    void (*free_model)(void *model);
    struct parameters (*context_defaults)(void);
    void *(*new_context)(void *model, struct parameters parameters);
    void (*free_context)(void *context);
    void (*set_threads)(void *context, int32_t generation, int32_t prompt);
    struct parameters (*batch_of)(int32_t *tokens, int32_t count);
    int (*decode)(void *context, struct parameters batch);
    float *(*logits)(void *context, int32_t index);
    const void *(*vocabulary)(const void *model);
    int32_t (*token_count)(const void *vocabulary);
    void *(*load_adapter)(void *model, const char *path);
    int (*set_adapters)(void *context, void **adapters, size_t count, float *scales);
    void *(*device_of_type)(int type);
    void *(*registry_of)(void *device);
    void *(*address_in)(void *registry, const char *name);
    struct parameters (*pool_defaults)(int threads);
    void (*attach_pool)(void *context, void *generation, void *prompt);
} llama;

static struct slot {
    void *model, *context, *adapter;
    void *model_of_context;
    int32_t token;
} slots[SLOTS];

static void fail(const char *what, const char *why) {
    fprintf(stderr, "model-host: %s: %s\n", what, why ? why : "failed");
    exit(1);
}

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) fail(name, dlerror());
    return found;
}

static void log_problems(int level, const char *text, void *context) {
    (void)context;
    if (level == 4) fputs(text, stderr); /* GGML_LOG_LEVEL_ERROR */
}

/* An empty directory: the system's libraries, which know where their backends are. */
static void open_libraries(const char *directory) {
    static const char *const names[] = {"libllama.so", "libllama.so.0", "libllama.v0.5.0.so"};
    char path[4096];
    void *library = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && !library; i++) {
        snprintf(path, sizeof path, "%s%s%s", directory, *directory ? "/" : "", names[i]);
        library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    }
    if (!library) fail(directory, dlerror());
    *(void **)&llama.log_set = symbol(library, "llama_log_set");
    *(void **)&llama.model_defaults = symbol(library, "llama_model_default_params");
    *(void **)&llama.load = symbol(library, "llama_model_load_from_file");
    *(void **)&llama.free_model = symbol(library, "llama_model_free");
    *(void **)&llama.context_defaults = symbol(library, "llama_context_default_params");
    *(void **)&llama.new_context = symbol(library, "llama_init_from_model");
    *(void **)&llama.free_context = symbol(library, "llama_free");
    *(void **)&llama.set_threads = symbol(library, "llama_set_n_threads");
    *(void **)&llama.batch_of = symbol(library, "llama_batch_get_one");
    *(void **)&llama.decode = symbol(library, "llama_decode");
    *(void **)&llama.logits = symbol(library, "llama_get_logits_ith");
    *(void **)&llama.vocabulary = symbol(library, "llama_model_get_vocab");
    *(void **)&llama.token_count = symbol(library, "llama_vocab_n_tokens");
    *(void **)&llama.load_adapter = symbol(library, "llama_adapter_lora_init");
    *(void **)&llama.set_adapters = symbol(library, "llama_set_adapters_lora");
    *(void **)&llama.device_of_type = symbol(library, "ggml_backend_dev_by_type");
    *(void **)&llama.registry_of = symbol(library, "ggml_backend_dev_backend_reg");
    *(void **)&llama.address_in = symbol(library, "ggml_backend_reg_get_proc_address");
    *(void **)&llama.pool_defaults = symbol(library, "ggml_threadpool_params_default");
    *(void **)&llama.attach_pool = symbol(library, "llama_attach_threadpool");
    *(void **)&llama.load_backends = symbol(library, "ggml_backend_load_all_from_path");
    llama.log_set(log_problems, NULL);
    llama.load_backends(*directory ? directory : NULL);
}

static void load(struct slot *slot, const char *path) {
    slot->model = llama.load(path, llama.model_defaults());
    if (!slot->model) fail(path, "not loaded");
}

static void open_context(struct slot *slot, void *model) {
    struct parameters parameters = llama.context_defaults();
    const uint32_t sizes[2] = {256, 64}; /* n_ctx, n_batch: the first two fields of every version */
    memcpy(parameters.bytes, sizes, sizeof sizes);
    slot->context = llama.new_context(model, parameters);
    slot->model_of_context = model;
    slot->token = 1;
    if (!slot->context) fail("context", "not made");
}

static void decode(struct slot *slot, int32_t *tokens, int32_t count) {
    if (llama.decode(slot->context, llama.batch_of(tokens, count)) != 0) fail("decode", NULL);
}

static void prompt(struct slot *slot, int32_t count) {
    int32_t tokens[64];
    const int32_t vocabulary = llama.token_count(llama.vocabulary(slot->model_of_context));
    for (int32_t i = 0; i < count && i < 64; i++) tokens[i] = (i * 37 + 5) % vocabulary;
    decode(slot, tokens, count < 64 ? count : 64);
}

static void generate(struct slot *slot, int count) {
    const int32_t vocabulary = llama.token_count(llama.vocabulary(slot->model_of_context));
    for (int i = 0; i < count; i++) {
        decode(slot, &slot->token, 1);
        const float *logits = llama.logits(slot->context, -1);
        int32_t best = 0;
        for (int32_t token = 1; token < vocabulary; token++)
            if (logits[token] > logits[best]) best = token;
        slot->token = best;
        printf("%d ", (int)best);
    }
    puts("");
    fflush(stdout);
}

static void use_adapter(struct slot *slot, const char *path) {
    float scale = 1;
    slot->adapter = llama.load_adapter(slot->model_of_context, path); /* goes with its model */
    if (!slot->adapter) fail(path, "not loaded");
    if (llama.set_adapters(slot->context, &slot->adapter, 1, &scale) != 0) fail(path, "not taken");
}

/* Threads that stay, instead of new ones for every graph; made as llama-cli makes them. */
static void use_pool(struct slot *slot, int threads) {
    void *(*new_pool)(struct parameters *);
    *(void **)&new_pool = llama.address_in(llama.registry_of(llama.device_of_type(0)), "ggml_threadpool_new");
    struct parameters parameters = llama.pool_defaults(threads);
    llama.attach_pool(slot->context, new_pool(&parameters), NULL);
}

static long count_lines(const char *path) {
    FILE *file = fopen(path, "r");
    long lines = 0;
    for (int c; (c = fgetc(file)) != EOF;) lines += c == '\n';
    fclose(file);
    return lines;
}

static long status_field(const char *key) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long value = -1;
    while (fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0) value = strtol(line + strlen(key), NULL, 10);
    fclose(file);
    return value;
}

static void count(void) {
    int files = -3; /* ".", "..", and the folder itself */
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder)) files++;
    closedir(folder);
    printf("{\"maps\":%ld,\"residentKilobytes\":%ld,\"files\":%d,\"threads\":%ld}\n", count_lines("/proc/self/maps"),
           status_field("VmRSS:"), files, status_field("Threads:"));
    fflush(stdout);
}

static void in_a_child(struct slot *slot) {
    int status;
    const pid_t child = fork();
    if (child == 0) {
        if (slot->context) generate(slot, 1);
        exit(0); /* not _exit(): handlers and destructors run, as in programs that know no better */
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) fail("child", "did not end well");
}

static void shell(const char *command) {
    char text[4096];
    snprintf(text, sizeof text, "HOST=%d; %s", (int)getpid(), command);
    const int status = system(text);
    if (status != 0) fail(command, "did not succeed");
}

struct loop {
    int from, left;
};

/* Returns how many words it took. */
static int step(char **words, int at, struct loop *loop) {
    static char nothing[] = "";
    const char *verb = words[at], *one = words[at + 1] ? words[at + 1] : nothing;
    const char *two = *one && words[at + 2] ? words[at + 2] : nothing;
    struct slot *slot = &slots[*one & (SLOTS - 1)];
    if (!strcmp(verb, "-m") || !strcmp(verb, "-t") || !strcmp(verb, "-tb")) return 2; /* for others to read */
    if (!strcmp(verb, "libraries")) return open_libraries(one), 2;
    if (!strcmp(verb, "load")) return load(slot, two), 3;
    if (!strcmp(verb, "context")) return open_context(slot, slots[*two & (SLOTS - 1)].model), 3;
    if (!strcmp(verb, "threads")) return llama.set_threads(slot->context, atoi(two), atoi(words[at + 3])), 4;
    if (!strcmp(verb, "pool")) return use_pool(slot, atoi(two)), 3;
    if (!strcmp(verb, "lora")) return use_adapter(slot, two), 3;
    if (!strcmp(verb, "prompt")) return prompt(slot, atoi(two)), 3;
    if (!strcmp(verb, "generate")) return generate(slot, atoi(two)), 3;
    if (!strcmp(verb, "close")) return llama.free_context(slot->context), slot->context = NULL, 2;
    if (!strcmp(verb, "free")) return llama.free_model(slot->model), slot->model = NULL, 2;
    if (!strcmp(verb, "fork")) return in_a_child(slot), 2;
    if (!strcmp(verb, "shell")) return shell(one), 2;
    if (!strcmp(verb, "count")) return count(), 1;
    if (!strcmp(verb, "repeat")) return *loop = (struct loop){at + 2, atoi(one)}, 2;
    if (!strcmp(verb, "again")) return --loop->left > 0 ? loop->from - at : 1;
    fail(verb, "no such step");
    return 0;
}

int main(int argc, char **argv) {
    struct loop loop = {0, 0};
    for (int at = 1; at < argc;) at += step(argv, at, &loop);
    return 0;
}
