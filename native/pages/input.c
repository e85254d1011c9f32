// SPDX-License-Identifier: MIT
// Lines of standard input: whole numbers between single spaces, and nothing else.
#include <stdlib.h>
#include <string.h>

#include "pages.h"

/* Where no address and no offset lies: five-level page tables end here (Documentation/arch/x86/x86_64/mm.rst). */
#define MAX_ADDRESS (1ULL << 57)

/* Digits up to `limit`; false where there are none, or more. */
static bool read_number(const char **at, uint64_t limit, uint64_t *out) {
    uint64_t value = 0;
    if (**at < '0' || **at > '9') return false;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        value = value * 10 + (uint64_t)(**at - '0');
        if (value > limit) return false;
    }
    *out = value;
    return true;
}

static bool parse(const char *at, bool with_node, struct request *out) {
    uint64_t node = 0;
    if (!read_number(&at, MAX_ADDRESS, &out->start) || *at++ != ' ') return false;
    if (!read_number(&at, MAX_ADDRESS - out->start, &out->length)) return false;
    if (with_node && (*at++ != ' ' || !read_number(&at, NS_MAX_NODES - 1, &node))) return false;
    out->node = (int)node;
    return *at == 0;
}

int read_request(struct request *out, bool with_node) {
    static unsigned long number;
    char line[96]; /* three numbers have at most 3 × 20 digits */
    do {
        if (!fgets(line, sizeof line, stdin)) return 0;
        number++;
        line[strcspn(line, "\r\n")] = 0;
    } while (!line[0]);
    if (parse(line, with_node, out)) return 1;
    fprintf(stderr, "standard input, line %lu: \"%s\", wanted \"start length%s\" in bytes\n", number, line,
            with_node ? " node" : "");
    return -1;
}
