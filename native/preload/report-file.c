// SPDX-License-Identifier: MIT
// Where the report goes, and when. Replaced by rename, so that a reader never sees half of one.
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../include/numashard-env.h"

static _Atomic bool changed;
static char report_path[4096];
static bool path_is_default;
static pid_t owner;

void ns_report_changed(void) { atomic_store(&changed, true); }

static void default_path(void) {
    char directory[4000];
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    if (runtime && *runtime) snprintf(directory, sizeof directory, "%s/numashard", runtime);
    else snprintf(directory, sizeof directory, "/tmp/numashard-%d", (int)getuid());
    struct stat status;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) return;
    if (lstat(directory, &status) != 0 || !S_ISDIR(status.st_mode) || status.st_uid != getuid()) return;
    snprintf(report_path, sizeof report_path, "%s/%d.json", directory, (int)getpid());
}

static void find_path(void) {
    const char *asked = getenv(NUMASHARD_ENV_REPORT);
    if (owner == getpid()) return;
    owner = getpid();
    report_path[0] = 0;
    path_is_default = !asked || !*asked;
    if (path_is_default) {
        default_path();
        return;
    }
    const char *pid = strstr(asked, "%p");
    if (pid) snprintf(report_path, sizeof report_path, "%.*s%d%s", (int)(pid - asked), asked, (int)owner, pid + 2);
    else snprintf(report_path, sizeof report_path, "%s", asked);
}

/* 0 or errno. */
static int write_file(void) {
    char temporary[4200];
    snprintf(temporary, sizeof temporary, "%s.%d.tmp", report_path, (int)owner);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return errno;
    FILE *out = fdopen(fd, "w");
    int error = out ? 0 : errno;
    if (!out) close(fd);
    else ns_report_print(out);
    if (out && (ferror(out) | fclose(out)) != 0) error = errno ? errno : EIO;
    if (!error && rename(temporary, report_path) != 0) error = errno;
    if (error) unlink(temporary);
    return error;
}

void ns_report_write(void) {
    if (!atomic_exchange(&changed, false)) return;
    pthread_mutex_lock(&ns_lock);
    find_path();
    int error = report_path[0] ? write_file() : 0;
    /* Another process may have taken the empty folder with it. */
    if (error == ENOENT && path_is_default) {
        default_path();
        error = write_file();
    }
    /* Nobody asked for the one in the default place. */
    if (error && !path_is_default) ns_complain("the report %s cannot be written: %s", report_path, strerror(error));
    pthread_mutex_unlock(&ns_lock);
}

void ns_report_remove(void) {
    if (owner != getpid() || !path_is_default || !report_path[0]) return;
    unlink(report_path);
    *strrchr(report_path, '/') = 0;
    rmdir(report_path); /* unless others have theirs in it */
    report_path[0] = 0;
}
