// SPDX-License-Identifier: MIT
// header-encoder FILE...: for each whether its header is an encoder's, 1 or 0; the first also cut at every byte.
#include "../preload/preload.h"

#include <stdlib.h>

int main(int count, char **words) {
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(words[i], "rb");
        if (!file) return 2;
        char *header = malloc(1 << 16);
        const size_t length = fread(header, 1, 1 << 16, file);
        fclose(file);
        for (size_t cut = 0; i == 1 && cut < length; cut++) {
            /* Exactly as long as it is, so that a sanitizer sees a read past its end. */
            char *part = malloc(cut ? cut : 1);
            for (size_t at = 0; at < cut; at++) part[at] = header[at];
            printf("%d", ns_header_is_encoder(part, cut));
            free(part);
        }
        printf("%s%d\n", i == 1 ? "\n" : "", ns_header_is_encoder(header, length));
        free(header);
    }
    return 0;
}
