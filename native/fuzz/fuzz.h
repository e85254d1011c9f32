/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share. Each is one LLVMFuzzerTestOneInput (libFuzzer's interface), so that any engine, or
 * replay.c, can drive it. */
#ifndef NUMASHARD_FUZZ_H
#define NUMASHARD_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold after any input. */
#define FUZZ_CHECK(condition)                                                          \
    do {                                                                               \
        if (condition) break;                                                          \
        fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
        abort();                                                                       \
    } while (0)

struct fuzz_input {
    const uint8_t *at;
    size_t left;
};

/* Bytes up to the next NUL as a text of its own, so that a sanitizer sees any read past its end. To be freed. */
static inline char *fuzz_text(struct fuzz_input *input) {
    const uint8_t *end = input->left ? memchr(input->at, 0, input->left) : NULL;
    size_t length = end ? (size_t)(end - input->at) : input->left;
    char *text = malloc(length + 1);
    if (!text) exit(1);
    if (length) memcpy(text, input->at, length);
    text[length] = 0;
    input->at += length + (end != NULL);
    input->left -= length + (end != NULL);
    return text;
}

/* The next bytes as a number from `least` to `most`; `least` when none are left. */
static inline int64_t fuzz_number(struct fuzz_input *input, int64_t least, int64_t most) {
    uint64_t value = 0;
    for (uint64_t span = (uint64_t)(most - least); span && input->left; span >>= 8) {
        value = value << 8 | *input->at++;
        input->left--;
    }
    return least + (int64_t)(value % ((uint64_t)(most - least) + 1));
}

#endif
