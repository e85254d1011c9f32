/* SPDX-License-Identifier: MIT
 * For archives, put in front of every file of the preload library: its symbols are bound to the oldest versions that
 * glibc has of them, so that a library made on a current system loads on an older one. What moved into libc.so.6 in
 * glibc 2.32 to 2.34 got a new version there (glibc's NEWS); the first version of each port is in its shlib-versions.
 */
#if defined(__x86_64__)
#define FIRST_GLIBC "GLIBC_2.2.5"
#elif defined(__aarch64__) || (defined(__powerpc64__) && defined(__LITTLE_ENDIAN__))
#define FIRST_GLIBC "GLIBC_2.17"
#else
#error "no archive is made for this architecture"
#endif

/* Of names that a file does not use nothing is left. */
#define OLD(name) __asm__(".symver " #name "," #name "@" FIRST_GLIBC)
OLD(dladdr);
OLD(dlclose);
OLD(dlerror);
OLD(dlopen);
OLD(dlsym);
OLD(pthread_attr_setstacksize);
OLD(pthread_detach);
OLD(pthread_getspecific);
OLD(pthread_join);
OLD(pthread_key_create);
OLD(pthread_key_delete);
OLD(pthread_kill);
OLD(pthread_mutex_trylock);
OLD(pthread_once);
OLD(pthread_rwlock_rdlock);
OLD(pthread_rwlock_unlock);
OLD(pthread_rwlock_wrlock);
OLD(pthread_setspecific);
OLD(pthread_sigmask);
OLD(sem_destroy);
OLD(sem_init);
OLD(sem_post);
OLD(sem_wait);
#undef OLD

/* Functions only since 2.33. On these 64-bit ports the kernel fills in the same structure (bits/struct_stat.h). */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#define fstat(fd, status) ((int)syscall(SYS_fstat, (fd), (status)))
#define fstatat(at, path, status, flags) ((int)syscall(SYS_newfstatat, (at), (path), (status), (flags)))
#define stat(path, status) fstatat(AT_FDCWD, (path), (status), 0)
#define lstat(path, status) fstatat(AT_FDCWD, (path), (status), AT_SYMLINK_NOFOLLOW)
