// SPDX-License-Identifier: MIT
// split-parts PATH TENSOR [CUT]: whether the split model of PATH has TENSOR, 1 or 0; then the same with the file CUT one
// byte shorter each time, down to nothing.
#include "../preload/preload.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int count, char **words) {
    if (count < 3) return 2;
    printf("%d", ns_split_has_tensor(words[1], words[2]));
    struct stat status;
    if (count < 4 || stat(words[3], &status) != 0) return 0;
    for (off_t length = status.st_size - 1; length >= 0; length--) {
        if (truncate(words[3], length) != 0) return 2;
        printf("%d", ns_split_has_tensor(words[1], words[2]));
    }
    return 0;
}
