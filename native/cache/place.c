// SPDX-License-Identifier: MIT
// Cached pages to their nodes. Absent ones are read under random-access advice, which brings them in singly, by a
// thread that allocates on the node. Cached ones are moved; a large folio that spans several nodes is split before.
// What still lies elsewhere (another process has mapped it, say) is dropped where it can be, and read again.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "../include/syscalls.h"
#include "cache.h"

/* One call of move_pages(2). */
#define BATCH 1024
/* Rounds of reading and moving, and between them of dropping what did not follow. */
#define ROUNDS 3
#ifndef MADV_COLD
#define MADV_COLD 20 /* Linux 5.4 */
#endif

static unsigned char *address_of(const struct cache_place *place, size_t page) {
    return place->map + page * place->page_size;
}

static int wanted(const struct cache_place *place, size_t page) {
    return place->ids ? place->ids[place->want[page]] : place->want[page];
}

bool cache_is_right_at(const struct cache_place *place, size_t page) {
    const bool stays = (page == 0 && place->first_stays) || (page == place->count - 1 && place->last_stays);
    return place->found[page] == wanted(place, page) || (stays && place->found[page] >= 0);
}

/* ---- works: each on one chunk, in any thread ---- */
static int read_in(void *context, struct cache_chunk *chunk) {
    struct cache_place *place = context;
    char scrap[1 << 16]; /* one for all parts of a read: what is read is not looked at, and stays in a processor's cache */
    struct iovec parts[CACHE_CHUNK_BYTES / sizeof scrap];
    uint64_t at = place->offset + chunk->page * place->page_size;
    for (uint64_t end = at + chunk->count * place->page_size; at < end;) {
        int count = 0;
        for (uint64_t left = end - at; left > 0 && count < (int)(sizeof parts / sizeof *parts); count++) {
            parts[count] = (struct iovec){scrap, left < sizeof scrap ? (size_t)left : sizeof scrap};
            left -= parts[count].iov_len;
        }
        const ssize_t got = preadv(place->fd, parts, count, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return errno;
        if (got == 0) return end - at < place->page_size ? 0 : ESTALE; /* the file's last page, or it was cut */
        at += (uint64_t)got;
    }
    return 0;
}

/* Into our page table, since move_pages(2) knows of nothing else. A store or load would end the process where the file
 * was cut; these calls say so. */
static int map_in(void *context, struct cache_chunk *chunk) {
    struct cache_place *place = context;
    unsigned char *start = address_of(place, chunk->page);
    if (madvise(start, chunk->count * place->page_size, NS_MADV_POPULATE_READ) == 0) return 0;
    if (errno != EINVAL) return errno == EFAULT ? ESTALE : errno;
    for (size_t at = 0; at < chunk->count; at++) { /* before Linux 5.14 */
        char byte;
        struct iovec to = {&byte, 1}, from = {address_of(place, chunk->page + at), 1};
        if (syscall(SYS_process_vm_readv, getpid(), &to, 1UL, &from, 1UL, 0UL) != 1) return errno == EFAULT ? ESTALE : errno;
    }
    return 0;
}

static int find(void *context, struct cache_chunk *chunk) {
    struct cache_place *place = context;
    void *addresses[BATCH];
    for (size_t at = 0; at < chunk->count; at += BATCH) {
        const size_t first = chunk->page + at, count = chunk->count - at < BATCH ? chunk->count - at : BATCH;
        for (size_t i = 0; i < count; i++) addresses[i] = address_of(place, first + i);
        if (ns_move_pages(count, addresses, NULL, &place->found[first]) == 0) continue;
        for (size_t i = 0; i < count; i++) place->found[first + i] = -EPERM;
    }
    return 0;
}

static int look(void *context, struct cache_chunk *chunk) {
    struct cache_place *place = context;
    const int error = map_in(place, chunk);
    if (error || place->only_node < 0) return error ? error : find(place, chunk);
    for (size_t i = 0; i < chunk->count; i++) place->found[chunk->page + i] = place->only_node;
    return 0;
}

/* Cold advice for a part of a large folio splits it (mm/madvise.c), without a read and without losing a page; folios
 * that lie wholly inside the chunk stay as they are, and move as one. */
static int move(void *context, struct cache_chunk *chunk) {
    struct cache_place *place = context;
    void *addresses[BATCH];
    int targets[BATCH], status[BATCH];
    madvise(address_of(place, chunk->page), chunk->count * place->page_size, MADV_COLD);
    int error = map_in(place, chunk);
    for (size_t at = chunk->page, end = at + chunk->count; at < end && !error;) {
        size_t batch = 0;
        for (; at < end && batch < BATCH; at++) {
            if (place->found[at] < 0 || cache_is_right_at(place, at)) continue;
            targets[batch] = wanted(place, at);
            addresses[batch++] = address_of(place, at);
        }
        memset(status, 0, sizeof status);
        if (batch) ns_move_pages(batch, addresses, targets, status);
        for (size_t i = 0; i < batch; i++) place->counts.kept += status[i] == -EACCES; /* of another process, too */
    }
    return error ? error : find(place, chunk);
}

static int drop(void *context, struct cache_chunk *chunk) {
    struct cache_place *place = context;
    const size_t length = chunk->count * place->page_size;
    madvise(address_of(place, chunk->page), length, MADV_DONTNEED); /* out of our page table: what is mapped stays */
    posix_fadvise(place->fd, (off_t)(place->offset + chunk->page * place->page_size), (off_t)length, POSIX_FADV_DONTNEED);
    return 0;
}

/* ---- rounds ---- */
static int each(struct cache_place *place, const unsigned char *skip, cache_work *work) {
    size_t length;
    struct cache_chunk *chunks =
        cache_cut(place->want, skip, place->count, (uintptr_t)place->map, place->page_size, &length);
    const int error = chunks ? place->run(chunks, length, work, place) : length ? ENOMEM : 0;
    free(chunks);
    return error;
}

/* Marks what is right already. */
static size_t wrong_in(const struct cache_place *place, unsigned char *right) {
    size_t wrong = 0;
    for (size_t i = 0; i < place->count; i++) wrong += !(right[i] = cache_is_right_at(place, i));
    return wrong;
}

static bool can_ask(const struct cache_place *place) {
    for (size_t i = 0; i < place->count; i++)
        if (place->found[i] != -EPERM) return true;
    return false;
}

/* `resident`: in, for a hidden file, what is known to be absent. */
static int read_absent(struct cache_place *place, unsigned char *resident) {
    const bool is_known = cache_resident(place, resident);
    size_t absent = 0;
    for (size_t i = 0; i < place->count; i++) absent += !resident[i];
    if (!absent) return 0;
    if (is_known) place->counts.read += absent;
    return each(place, resident, read_in);
}

static int put(struct cache_place *place, unsigned char *resident, unsigned char *right, int *before) {
    const size_t bytes = place->count * sizeof *before;
    memset(resident, 0, place->count); /* of a hidden file all is read: where it is cached, that is a copy */
    memset(right, 0, place->count);
    for (int round = 0;; round++) {
        int error = read_absent(place, resident);
        if (!error) error = each(place, right, look);
        if (error || !wrong_in(place, right) || place->only_node >= 0 || !can_ask(place)) return error;
        memcpy(before, place->found, bytes);
        place->counts.kept = 0; /* of the last round, which is what stays */
        error = each(place, right, move);
        for (size_t i = 0; i < place->count; i++)
            place->counts.moved += before[i] >= 0 && before[i] != place->found[i] && cache_is_right_at(place, i);
        if (error || !wrong_in(place, right) || !place->may_drop || round == ROUNDS - 1) return error;
        each(place, right, drop);
        memcpy(resident, right, place->count);
        const uint64_t read = place->counts.read;
        error = read_absent(place, resident);
        if (error) return error;
        place->counts.dropped += place->counts.read - read;
    }
}

/* Where a reader of the file's head left a mark, mapping a page reads ahead, into large folios and on our node (seen on
 * Linux 7.2: the whole model). Not while we map; afterwards what was evicted may come back in long reads. */
static void advise(const struct cache_place *place, int advice) {
    madvise(place->map, place->count * place->page_size, advice);
}

int cache_put(struct cache_place *place) {
    unsigned char *marks = calloc(2, place->count);
    int *before = calloc(place->count, sizeof *before);
    posix_fadvise(place->fd, 0, 0, POSIX_FADV_RANDOM);
    advise(place, MADV_RANDOM);
    for (size_t i = 0; i < place->count; i++) place->found[i] = -ENOENT;
    const int error = marks && before ? put(place, marks, marks + place->count, before) : ENOMEM;
    advise(place, MADV_NORMAL);
    free(before);
    free(marks);
    return error;
}

/* Pages of a hidden file that are asked about one by one. */
#define SAMPLES 32

bool cache_is_right(struct cache_place *place) {
    unsigned char *marks = calloc(2, place->count);
    bool right = marks != NULL;
    if (right && cache_resident(place, marks)) right = memchr(marks, 0, place->count) == NULL;
    else
        for (size_t i = 0; i < SAMPLES && right; i++)
            right = cache_probe(place->fd, place->offset + i * place->count / SAMPLES * place->page_size, place->page_size) > 0;
    if (right) advise(place, MADV_RANDOM);
    right = right && each(place, NULL, look) == 0 && wrong_in(place, marks + place->count) == 0;
    advise(place, MADV_NORMAL);
    free(marks);
    return right;
}
