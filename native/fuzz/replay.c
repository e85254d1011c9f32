// SPDX-License-Identifier: MIT
// Runs a fuzz target on the files it is given, for compilers without libFuzzer: what once failed fails no more.
#include "fuzz.h"

int main(int argc, char **argv) {
    static uint8_t buffer[1 << 20];
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) return 2;
        size_t size = fread(buffer, 1, sizeof buffer, file);
        fclose(file);
        uint8_t *exact = malloc(size ? size : 1); /* a sanitizer knows where it ends */
        if (!exact) return 2;
        memcpy(exact, buffer, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    printf("%d inputs\n", argc - 1);
    return 0;
}
