// SPDX-License-Identifier: MIT
// A program that uses (fake) ggml as llama.cpp does, run with libnumashard.so preloaded: what it reads as
// weights must be the file, byte for byte, whatever happens to the file. preload-host SCENARIO FILE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake-ggml.h"

#define CHECK(condition)                                                                              \
    do {                                                                                              \
        if (condition) break;                                                                         \
        printf("%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno);              \
        exit(1);                                                                                      \
    } while (0)

static struct fake_type cpu = {"CPU", true}, mapped = {"CPU_Mapped", true}, repacked = {"CPU_REPACK", false},
                        remote = {"RPC", false};

/* ---- models ---- */
#define TENSORS 9
struct model {
    unsigned char *map;
    size_t size;
    struct fake_buffer *buffer;
    struct ggml_tensor tensors[TENSORS];
};

static size_t page(void) { return (size_t)sysconf(_SC_PAGESIZE); }
static unsigned char content(size_t at, unsigned seed) { return (unsigned char)((at * 2654435761u >> 7) + at + seed); }

static void write_file(const char *path, size_t size, unsigned seed) {
    unsigned char *bytes = malloc(size);
    for (size_t i = 0; i < size; i++) bytes[i] = content(i, seed);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(bytes && fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
    free(bytes);
}

static struct ggml_tensor tensor(const char *name, int64_t row, int64_t rows, int64_t matrices) {
    struct ggml_tensor made = {.ne = {row, rows, matrices, 1}};
    snprintf(made.name, sizeof made.name, "%s", name);
    return made;
}

static void map_model(struct model *model, const char *path, size_t size) {
    int fd = open(path, O_RDONLY);
    memset(model, 0, sizeof *model);
    model->size = size;
    model->map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(fd >= 0 && model->map != MAP_FAILED);
    close(fd);
    model->buffer = fake_buffer_over(&mapped, model->map, size, FAKE_USAGE_WEIGHTS);
}

/* Neighbours that meet inside pages, some within one, announced in odd order; 32-byte aligned as in GGUF. */
static void announce(struct model *model) {
    static const int order[TENSORS] = {4, 0, 8, 2, 1, 7, 3, 6, 5};
    static const struct {
        const char *name;
        int64_t row, rows, matrices;
    } shapes[TENSORS] = {{"token_embd.weight", 1000, 64, 1},     {"blk.0.attn_norm.weight", 96, 1, 1},
                         {"blk.0.attn_q.weight", 4096, 300, 1},  {"blk.0.attn_k.weight", 32, 3, 1},
                         {"blk.0.ffn_up_exps.weight", 544, 33, 8}, {"blk.0.ffn_gate_inp.weight", 4096, 1, 1},
                         {"blk.1.attn_q.weight", 1088, 2048, 1}, {"blk.1.attn_norm.weight", 64, 1, 1},
                         {"output.weight", 1056, 500, 1}};
    size_t offsets[TENSORS], at = 5024;
    for (int i = 0; i < TENSORS; i++) {
        offsets[i] = at;
        at = (at + (size_t)(shapes[i].row * shapes[i].rows * shapes[i].matrices) + 31) / 32 * 32;
    }
    CHECK(at <= model->size);
    for (int i = 0; i < TENSORS; i++) {
        int which = order[i];
        model->tensors[which] = tensor(shapes[which].name, shapes[which].row, shapes[which].rows, shapes[which].matrices);
        CHECK(ggml_backend_tensor_alloc(model->buffer, &model->tensors[which], model->map + offsets[which]) == 0);
        CHECK(model->tensors[which].data == model->map + offsets[which]);
    }
}

static void compare(const struct model *model, unsigned seed) {
    for (size_t i = 0; i < model->size; i++)
        if (model->map[i] != content(i, seed)) {
            printf("byte %zu is %u and not %u\n", i, model->map[i], content(i, seed));
            exit(1);
        }
}

static void free_model(struct model *model) {
    ggml_backend_buffer_free(model->buffer);
    CHECK(munmap(model->map, model->size) == 0);
}

/* Permissions and whether a file is behind, as in /proc/self/maps. */
static bool is_file(const void *address) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[5000], permissions[8], path[4096];
    unsigned long start, end;
    bool file = false;
    while (fgets(line, sizeof line, maps)) {
        path[0] = 0;
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %4095[^\n]", &start, &end, permissions, path) < 3) continue;
        if ((unsigned long)address >= start && (unsigned long)address < end) file = path[0] == '/';
    }
    fclose(maps);
    return file;
}

enum { SIZE = 5 << 20 };

/* ---- scenarios ---- */
static void content_is_the_file(const char *path) {
    struct model model, other;
    write_file(path, SIZE, 1);
    for (int round = 0; round < 4; round++) {
        map_model(&model, path, SIZE);
        announce(&model);
        compare(&model, 1);
        CHECK(is_file(model.tensors[6].data) == (getenv("EXPECT_FILE") != NULL));
        announce(&model); /* a tied matrix is announced twice at one address */
        compare(&model, 1);
        CHECK(munmap(model.map, page()) == 0); /* the unused head, as llama.cpp does */
        model.map += page();
        model.size -= page();
        CHECK(model.map[0] == content(page(), 1));
        model.map -= page();
        model.size += page();
        free_model(&model);
    }
    /* Another file at the address of the first. */
    char second[4096];
    snprintf(second, sizeof second, "%s.second", path);
    write_file(second, SIZE, 77);
    map_model(&model, path, SIZE);
    announce(&model);
    free_model(&model);
    int fd = open(second, O_RDONLY);
    CHECK(mmap(model.map, SIZE, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == model.map);
    close(fd);
    other = model;
    other.buffer = fake_buffer_over(&mapped, other.map, SIZE, FAKE_USAGE_WEIGHTS);
    announce(&other);
    compare(&other, 77);
    /* A hole in the middle; what is left keeps its content, and goes. */
    CHECK(munmap(other.map + (1 << 20), 16 * page()) == 0);
    CHECK(other.map[(1 << 20) + 16 * page()] == content((1 << 20) + 16 * page(), 77));
    free_model(&other);
}

static void file_replaced(const char *path) {
    struct model model;
    char second[4096];
    write_file(path, SIZE, 3);
    map_model(&model, path, SIZE);
    struct ggml_tensor early = tensor("output_norm.weight", 32, 1, 1);
    if (getenv("BETWEEN")) CHECK(ggml_backend_tensor_alloc(model.buffer, &early, model.map + SIZE - 4096) == 0);
    snprintf(second, sizeof second, "%s.second", path);
    write_file(second, SIZE, 99);
    CHECK(rename(second, path) == 0);
    announce(&model);
    compare(&model, 3);
    CHECK(is_file(model.tensors[6].data));
    free_model(&model);
}

static void file_deleted(const char *path) {
    struct model model;
    write_file(path, SIZE, 4);
    map_model(&model, path, SIZE);
    CHECK(unlink(path) == 0);
    if (getenv("PIPE")) CHECK(mkfifo(path, 0600) == 0);
    announce(&model);
    compare(&model, 4);
    CHECK(is_file(model.tensors[6].data));
    free_model(&model);
}

static void file_truncated(const char *path) {
    struct model model;
    write_file(path, SIZE, 5);
    map_model(&model, path, SIZE);
    CHECK(truncate(path, 2 << 20) == 0);
    announce(&model);
    CHECK(is_file(model.tensors[8].data)); /* beyond the end: SIGBUS, as without us, and no zeros */
    model.size = 2 << 20;
    compare(&model, 5);
    model.size = SIZE;
    free_model(&model);
}

static void *cut_and_mend(void *context) {
    const char *path = context;
    for (int i = 0; i < 400; i++) CHECK(truncate(path, i % 2 ? SIZE : (1 + i % 4) << 20) == 0);
    CHECK(truncate(path, SIZE) == 0);
    return NULL;
}

/* While pages are read: no signal may end the program, and what is read later is the file as it then is. */
static void file_shrinking(const char *path) {
    struct model model;
    pthread_t cutter;
    bool is_cut = false;
    write_file(path, SIZE, 5);
    CHECK(pthread_create(&cutter, NULL, cut_and_mend, (void *)path) == 0);
    for (int i = 0; i < 20; i++) {
        map_model(&model, path, SIZE);
        announce(&model);
        free_model(&model);
    }
    pthread_join(cutter, NULL);
    map_model(&model, path, SIZE);
    announce(&model);
    for (size_t i = 0; i < model.size; i++) {
        if (model.map[i] == content(i, 5)) continue;
        CHECK(model.map[i] == 0 && i >= 1 << 20); /* what truncate(2) leaves where it cut */
        is_cut = true;
    }
    CHECK(is_cut);
    free_model(&model);
}

static void elsewhere(const char *path) {
    (void)path;
    const size_t size = 3 << 20;
    unsigned char *heap = malloc(size + 64), *constant = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct fake_buffer *buffers[] = {fake_buffer_over(&cpu, heap, size, FAKE_USAGE_WEIGHTS),
                                     fake_buffer_over(&cpu, constant, size, FAKE_USAGE_WEIGHTS),
                                     fake_buffer_over(&remote, (void *)4096, size, FAKE_USAGE_WEIGHTS),
                                     fake_buffer_over(&cpu, heap, 0, FAKE_USAGE_COMPUTE)};
    memset(heap, 42, size + 64);
    for (int i = 0; i < 3; i++) {
        struct ggml_tensor made = tensor("blk.0.attn_q.weight", 1000, 2000, 1), none = tensor("blk.0.empty.weight", 32, 0, 1);
        CHECK(ggml_backend_tensor_alloc(buffers[i], &made, (char *)buffers[i]->base + 32) == 0);
        CHECK(ggml_backend_tensor_alloc(buffers[i], &none, (char *)buffers[i]->base + 32) == 0);
    }
    struct ggml_tensor activation = tensor("inp_embd", 10, 10, 1);
    CHECK(ggml_backend_tensor_alloc(buffers[3], &activation, heap) == 0);
    for (size_t i = 0; i < size + 64; i++) CHECK(heap[i] == 42);
    CHECK(fake_compute(2, 1, NULL) == 2); /* and a report is written */
    for (int i = 0; i < 4; i++) ggml_backend_buffer_free(buffers[i]);
    free(heap);
    munmap(constant, size);
}

static void refused(const char *path) {
    struct model model;
    const bool data = strcmp(getenv("LIMIT"), "data") == 0; /* checked only where it is exceeded already */
    struct rlimit limit = {data ? 4096 : 1 << 20, data ? 4096 : 1 << 20};
    write_file(path, SIZE, 6);
    map_model(&model, path, SIZE);
    CHECK(setrlimit(data ? RLIMIT_DATA : RLIMIT_AS, &limit) == 0);
    announce(&model);
    compare(&model, 6);
    CHECK(is_file(model.tensors[6].data));
    free_model(&model);
}

static void aligned(const char *path) {
    (void)path;
    struct ggml_tensor one = tensor("blk.0.attn_q.weight", 100, 640, 1), two = tensor("blk.0.attn_k.weight", 33, 65, 1);
    struct ggml_tensor *tensors[] = {&one, &two, NULL};
    struct fake_type *types[] = {&cpu, &repacked, &remote};
    for (int i = 0; i < 30; i++) {
        struct fake_buffer *buffer = ggml_backend_alloc_ctx_tensors_from_buft(tensors, types[i % 3]);
        CHECK(buffer);
        CHECK(i % 3 == 2 || ((uintptr_t)one.data % page() == 0 && (uintptr_t)two.data % page() == 0));
        ggml_backend_buffer_free(buffer);
    }
    CHECK(ggml_backend_buft_get_alignment(&cpu) == 64);
}

static void computing(const char *path) {
    struct model model;
    const int six = 6;
    write_file(path, SIZE, 7);
    map_model(&model, path, SIZE);
    announce(&model);
    cpu_set_t before, after;
    CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
    for (int i = 0; i < 40; i++) CHECK(fake_compute(4, 50, NULL) == 200); /* 160 threads come and go */
    struct fake_pool *pool = ggml_threadpool_new(&six);
    for (int i = 0; i < 10; i++) CHECK(fake_compute(i % 2 ? 6 : 3, 50, pool) == (i % 2 ? 300 : 150));
    fake_pool_free(pool);
    CHECK(sched_getaffinity(0, sizeof after, &after) == 0 && CPU_EQUAL(&before, &after));
    free_model(&model);
}

static void *load_and_free(void *path) {
    for (int i = 0; i < 6; i++) {
        struct model model;
        map_model(&model, path, SIZE);
        announce(&model);
        CHECK(fake_compute(2, 5, NULL) == 10);
        compare(&model, 8);
        free_model(&model);
    }
    return NULL;
}

static void *map_and_unmap(void *stop) {
    while (!*(_Atomic bool *)stop) {
        void *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK(memory != MAP_FAILED && munmap(memory, SIZE) == 0);
    }
    return NULL;
}

static void at_once(const char *path) {
    pthread_t loaders[3], unmapper;
    _Atomic bool stop = false;
    write_file(path, SIZE, 8);
    pthread_create(&unmapper, NULL, map_and_unmap, &stop);
    for (int i = 0; i < 3; i++) pthread_create(&loaders[i], NULL, load_and_free, (void *)path);
    for (int i = 0; i < 3; i++) pthread_join(loaders[i], NULL);
    stop = true;
    pthread_join(unmapper, NULL);
}

/* Children of a process that loads: each does as its parent, and exits. */
static void forking(const char *path) {
    pthread_t loader;
    write_file(path, SIZE, 8);
    pthread_create(&loader, NULL, load_and_free, (void *)path);
    for (int i = 0; i < 20; i++) {
        int status;
        pid_t child = fork();
        if (child == 0) {
            struct model model;
            map_model(&model, path, SIZE);
            announce(&model);
            compare(&model, 8);
            exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    pthread_join(loader, NULL);
}

/* Runs `work` in a child, which ends as programs do that know nothing of handlers; the parent's report stays. */
static void in_a_child(void (*work)(void), const char *report) {
    int status;
    const pid_t child = fork();
    if (child == 0) {
        work();
        exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(access(report, R_OK) == 0);
}

static void compute_two(void) { CHECK(fake_compute(2, 5, NULL) == 10); }
static void become_another(void) { execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL); }

static void parenting(const char *path) {
    struct model model;
    char report[4096];
    snprintf(report, sizeof report, "%s/numashard/%d.json", getenv("XDG_RUNTIME_DIR"), (int)getpid());
    write_file(path, SIZE, 10);
    map_model(&model, path, SIZE);
    announce(&model);
    compute_two();
    CHECK(access(report, R_OK) == 0);
    in_a_child(compute_two, report);
    in_a_child(become_another, report);
    compare(&model, 10);
    compute_two();
    free_model(&model);
}

static void on_alarm(int signal) { (void)signal; }

static void conduct(const char *path) {
    struct model model;
    struct sigaction action = {.sa_handler = on_alarm};
    write_file(path, SIZE, 9);
    sigaction(SIGALRM, &action, NULL); /* without SA_RESTART */
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 500}, {0, 500}}, NULL);
    errno = 1234;
    map_model(&model, path, SIZE);
    errno = 1234;
    announce(&model);
    CHECK(errno == 1234);
    ggml_is_numa();
    CHECK(errno == 1234);
    free_model(&model);
    CHECK(errno == 1234);
    CHECK(munmap((void *)1, 4096) == -1 && errno == EINVAL);
    errno = 1234;
    CHECK(posix_madvise((void *)1, 4096, POSIX_MADV_WILLNEED) == EINVAL && errno == 1234);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(const char *);
    } scenarios[] = {{"content", content_is_the_file}, {"replaced", file_replaced}, {"deleted", file_deleted},
                     {"truncated", file_truncated},    {"shrinking", file_shrinking},    {"elsewhere", elsewhere},    {"refused", refused},
                     {"aligned", aligned},             {"computing", computing},    {"at-once", at_once},
                     {"forking", forking},             {"conduct", conduct}, {"parenting", parenting}};
    for (size_t i = 0; argc == 3 && i < sizeof scenarios / sizeof *scenarios; i++) {
        if (strcmp(argv[1], scenarios[i].name) != 0) continue;
        scenarios[i].run(argv[2]);
        puts("done");
        return 0;
    }
    return 2;
}
