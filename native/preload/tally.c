// SPDX-License-Identifier: MIT
// Pages that several tensors share. In a GGUF neighbours meet inside a page, and they are announced one by
// one: such a page goes to the node with most of its bytes among all that are known so far.
#include "preload.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    uintptr_t page; /* 0: empty, 1: removed */
    bool is_private;
    uint32_t *bytes;
};

static struct entry *entries;
static size_t entry_count, entry_capacity; /* count includes removed ones; capacity a power of two */

static size_t slot_of(uintptr_t page, size_t capacity) {
    return (size_t)((page >> 12) * 0x9e3779b97f4a7c15ULL >> 20) & (capacity - 1);
}

static struct entry *find(uintptr_t page) {
    if (!entry_capacity) return NULL;
    for (size_t i = slot_of(page, entry_capacity);; i = (i + 1) & (entry_capacity - 1)) {
        if (entries[i].page == page) return &entries[i];
        if (entries[i].page == 0) return NULL;
    }
}

/* Also gets rid of the removed ones: a process may load many models one after the other. */
static bool grow(void) {
    size_t live = 0, capacity = 1024;
    for (size_t i = 0; i < entry_capacity; i++) live += entries[i].page > 1;
    while (capacity < 4 * (live + 1)) capacity *= 2;
    struct entry *fresh = calloc(capacity, sizeof *fresh);
    if (!fresh) return false;
    for (size_t i = 0; i < entry_capacity; i++) {
        if (entries[i].page <= 1) continue;
        size_t at = slot_of(entries[i].page, capacity);
        while (fresh[at].page) at = (at + 1) & (capacity - 1);
        fresh[at] = entries[i];
    }
    free(entries);
    entries = fresh;
    entry_capacity = capacity;
    entry_count = live;
    return true;
}

static struct entry *add(uintptr_t page) {
    if (2 * (entry_count + 1) > entry_capacity && !grow()) return NULL;
    uint32_t *bytes = calloc((size_t)ns_machine()->count, sizeof *bytes);
    if (!bytes) return NULL;
    size_t at = slot_of(page, entry_capacity);
    while (entries[at].page) at = (at + 1) & (entry_capacity - 1);
    entries[at] = (struct entry){.page = page, .bytes = bytes};
    entry_count++;
    return &entries[at];
}

static int largest(const uint32_t *bytes) {
    int best = 0;
    for (int i = 1; i < ns_machine()->count; i++)
        if (bytes[i] > bytes[best]) best = i;
    return best;
}

int ns_tally_add(uintptr_t page, const uint32_t *bytes) {
    struct entry *entry = find(page);
    if (!entry) entry = add(page);
    if (!entry) return largest(bytes);
    for (int i = 0; i < ns_machine()->count; i++) entry->bytes[i] += bytes[i];
    return largest(entry->bytes);
}

/* GGUF pads between tensors: GGUF_DEFAULT_ALIGNMENT of ggml's gguf.h. */
#define NS_PADDING (3 * 32)

bool ns_tally_is_settled(uintptr_t page) {
    const struct entry *entry = find(page);
    uint64_t known = 0;
    if (!entry) return true;
    for (int i = 0; i < ns_machine()->count; i++) known += entry->bytes[i];
    return known + NS_PADDING >= ns_machine()->page_size ||
           2 * (uint64_t)entry->bytes[largest(entry->bytes)] > ns_machine()->page_size;
}

void ns_tally_set_private(uintptr_t page) {
    struct entry *entry = find(page);
    if (entry) entry->is_private = true;
}

bool ns_tally_is_private(uintptr_t page) {
    const struct entry *entry = find(page);
    return entry && entry->is_private;
}

void ns_tally_forget(uintptr_t start, uintptr_t end) {
    for (size_t i = 0; i < entry_capacity; i++) {
        if (entries[i].page <= 1 || entries[i].page < start || entries[i].page >= end) continue;
        free(entries[i].bytes);
        entries[i] = (struct entry){.page = 1};
    }
}

void ns_tally_restart(void) {
    for (size_t i = 0; i < entry_capacity; i++)
        if (entries[i].page > 1) memset(entries[i].bytes, 0, (size_t)ns_machine()->count * sizeof *entries[i].bytes);
}
