// A preloaded library that has a process see another machine than the one it runs on: what `strongroom doctor` looks at, as it
// would be where somebody got it wrong. It changes no answer but these.
//
//   MACHINE_ROOT=DIR      a file that DIR has a counterpart of is opened there: DIR/proc/swaps instead of /proc/swaps
//   MACHINE_GONE=P[:P…]   files that are not there
//   MACHINE_STRANGE=P     a file that is another user's
//   MACHINE_USER=N        the effective user
//   MACHINE_CLOCK=kept|free       whether the kernel's clock is kept by a time source
//   MACHINE_SQLITE=3.36.0         the version that SQLite says
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int gone(const char *path) {
    const char *list = getenv("MACHINE_GONE");
    size_t length = strlen(path);
    for (const char *at = list; at && *at; at += strcspn(at, ":"), at += *at == ':')
        if (strcspn(at, ":") == length && !strncmp(at, path, length)) return 1;
    return 0;
}

static const char *moved(const char *path, char *other) {
    const char *root = getenv("MACHINE_ROOT");
    if (!root || path[0] != '/') return path;
    if (snprintf(other, PATH_MAX, "%s%s", root, path) >= PATH_MAX) return path;
    return REAL(access)(other, F_OK) == 0 ? other : path;
}

#define OPEN(name)                                                                                                          \
    int name(const char *path, int flags, ...) {                                                                           \
        char other[PATH_MAX];                                                                                               \
        va_list more;                                                                                                       \
        va_start(more, flags);                                                                                              \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                                             \
        va_end(more);                                                                                                       \
        if (gone(path)) return errno = ENOENT, -1;                                                                          \
        return REAL(name)(moved(path, other), flags, mode);                                                                 \
    }
OPEN(open)
OPEN(open64)

int access(const char *path, int mode) {
    char other[PATH_MAX];
    if (gone(path)) return errno = ENOENT, -1;
    return REAL(access)(moved(path, other), mode);
}

int lstat(const char *restrict path, struct stat *restrict status) {
    int result = REAL(lstat)(path, status);
    const char *strange = getenv("MACHINE_STRANGE");
    if (result == 0 && strange && !strcmp(strange, path)) status->st_uid += 1;
    return result;
}

uid_t geteuid(void) {
    const char *user = getenv("MACHINE_USER");
    return user ? (uid_t)atoi(user) : REAL(geteuid)();
}

int adjtimex(struct timex *now) {
    const char *clock = getenv("MACHINE_CLOCK");
    if (!clock) return REAL(adjtimex)(now);
    now->status = strcmp(clock, "kept") ? STA_UNSYNC : 0;
    return strcmp(clock, "kept") ? TIME_ERROR : TIME_OK;
}

const char *sqlite3_libversion(void) {
    const char *version = getenv("MACHINE_SQLITE");
    return version ? version : ((const char *(*)(void))dlsym(RTLD_NEXT, "sqlite3_libversion"))();
}
