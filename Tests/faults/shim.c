// A preloaded library that counts a process's file system calls, and kills the process or fails the call
// at the N-th. One counter for the process, all threads together; only calls on paths below given
// folders count. It changes nothing else: the calls that go through are made exactly as asked.
//
//   FAULT_PATHS=DIR[:DIR…]   absolute, without symbolic links; calls elsewhere pass by uncounted
//   FAULT_MODE=count         (the default) only count
//             =kill-before   SIGKILL to the process instead of call N
//             =kill-after    SIGKILL once call N is done
//             =kill-torn     as kill-after, but a write writes half of its bytes
//             =fail          call N is not made and fails
//             =fail-torn     as fail, but a write of two bytes or more writes half and says so (a short write is lawful)
//             =lie           call N, if it is write(2), writes other bytes and says that all is well
//   FAULT_AT=N               counted from 1
//   FAULT_ERRNO=EIO|ENOSPC|EROFS   for the two fail modes; with EROFS, opening to read passes by uncounted
//   FAULT_LASTING=1          every call from N on fails (as a full disk does), not the N-th alone
//   FAULT_WHILE=FILE         nothing befalls a call, whatever its number, while there is no such file
//   FAULT_THEN_KILL=K        after a failed call: SIGKILL instead of the K-th call after it
//   FAULT_LOG=FILE           appends a line for each counted call, before it is made:
//                            number TAB call TAB path [TAB second path]
//
// A path is taken from /proc/self/fd where a call has only a descriptor, so nothing has to be tracked.
// glibc's own stdio opens and writes files without going through these names: fopen and mkstemp are
// counted as opens, but stdio's writes are not seen. Tests/harness/test_shim.py compares the log with
// what strace sees, and fails when a counted program makes a call that is missed here.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { COUNT, KILL_BEFORE, KILL_AFTER, KILL_TORN, LIE, FAIL, FAIL_TORN };
enum verdict { GO, GO_THEN_DIE, TORN_THEN_DIE, FALSIFY, REFUSE, TORN };

static struct {
    char *prefixes; // each ends in NUL, the list in two
    enum mode mode;
    long at;
    int error;
    int lasting;
    const char *only_while;
    long then_kill;
    int log;
    int ready;
} settings;
static atomic_long calls;
// Held while this library itself calls libc: a call made inside another one is part of that one.
static __thread int inside;

static void die(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) syscall(SYS_pause);
}

static void complain(const char *what) {
    syscall(SYS_write, 2, "fault shim: ", 12);
    syscall(SYS_write, 2, what, strlen(what));
    syscall(SYS_write, 2, "\n", 1);
    syscall(SYS_exit_group, 97);
}

__attribute__((constructor)) static void set_up(void) {
    if (settings.ready) return;
    settings.log = -1;
    const char *paths = getenv("FAULT_PATHS");
    if (paths && *paths) {
        size_t length = strlen(paths);
        settings.prefixes = calloc(1, length + 2);
        memcpy(settings.prefixes, paths, length);
        for (char *c = settings.prefixes; *c; c++)
            if (*c == ':') *c = 0;
    }
    const char *mode = getenv("FAULT_MODE");
    static const char *const names[] = {"count", "kill-before", "kill-after", "kill-torn", "lie", "fail", "fail-torn"};
    if (mode) {
        int found = 0;
        for (int i = 0; i < 7; i++)
            if (!strcmp(mode, names[i])) settings.mode = (enum mode)i, found = 1;
        if (!found) complain("unknown FAULT_MODE");
    }
    const char *at = getenv("FAULT_AT");
    settings.at = at ? atol(at) : 0;
    if (settings.mode != COUNT && settings.at < 1) complain("FAULT_AT must be 1 or more");
    const char *error = getenv("FAULT_ERRNO");
    if (!error || !strcmp(error, "EIO")) settings.error = EIO;
    else if (!strcmp(error, "ENOSPC")) settings.error = ENOSPC;
    else if (!strcmp(error, "EROFS")) settings.error = EROFS;
    else complain("FAULT_ERRNO must be EIO, ENOSPC or EROFS");
    settings.lasting = getenv("FAULT_LASTING") != NULL;
    const char *file = getenv("FAULT_WHILE");
    settings.only_while = file ? strdup(file) : NULL;
    const char *then_kill = getenv("FAULT_THEN_KILL");
    settings.then_kill = then_kill ? atol(then_kill) : 0;
    const char *log = getenv("FAULT_LOG");
    if (log && settings.prefixes) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0) complain("FAULT_LOG cannot be opened");
        // Out of the way, so that the program's own descriptors get the numbers they always get.
        settings.log = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 900);
        if (settings.log < 0) complain("no descriptor for FAULT_LOG");
        syscall(SYS_close, fd);
    }
    settings.ready = 1;
}

// Below one of the prefixes, or one of them itself.
static int covered(const char *path) {
    for (const char *p = settings.prefixes; p && *p; p += strlen(p) + 1) {
        size_t length = strlen(p);
        if (!strncmp(path, p, length) && (path[length] == 0 || path[length] == '/' || path[length] == ' ')) return 1;
    }
    return 0;
}

static int path_of_descriptor(int fd, char out[PATH_MAX]) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
    if (length < 0) return 0;
    out[length] = 0;
    return 1;
}

// The path with its folder's symbolic links and dots resolved, whether or not its last part exists.
static int path_of_name(int folder, const char *name, char out[PATH_MAX]) {
    char joined[2 * PATH_MAX], parent[PATH_MAX];
    if (!name) return 0;
    if (name[0] == '/') {
        snprintf(joined, sizeof joined, "%s", name);
    } else if (folder == AT_FDCWD) {
        if (syscall(SYS_getcwd, parent, (unsigned long)PATH_MAX) < 0) return 0;
        snprintf(joined, sizeof joined, "%s/%s", parent, name);
    } else {
        if (!path_of_descriptor(folder, parent)) return 0;
        snprintf(joined, sizeof joined, "%s/%s", parent, name);
    }
    size_t length = strlen(joined);
    while (length > 1 && joined[length - 1] == '/') joined[--length] = 0;
    char *slash = strrchr(joined, '/');
    const char *last = slash + 1;
    if (!strcmp(last, "..") || !strcmp(last, ".")) return realpath(joined, out) != NULL;
    if (slash == joined) {
        snprintf(out, PATH_MAX, "%s", joined);
        return 1;
    }
    *slash = 0;
    if (!realpath(joined, parent)) return 0;
    if (snprintf(out, PATH_MAX, "%s/%s", parent, last) >= PATH_MAX) return 0;
    return 1;
}

static enum verdict judge(const char *call, const char *path, const char *second) {
    if (!covered(path) && !(second && covered(second))) return GO;
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (settings.log >= 0) {
        char line[2 * PATH_MAX + 100];
        int length = snprintf(line, sizeof line, "%ld\t%s\t%s%s%s\n", number, call, path, second ? "\t" : "", second ? second : "");
        syscall(SYS_write, settings.log, line, (size_t)length);
    }
    if (settings.mode == COUNT || number < settings.at) return GO;
    if (settings.only_while && syscall(SYS_faccessat, AT_FDCWD, settings.only_while, F_OK) != 0) return GO;
    if (settings.then_kill && number >= settings.at + settings.then_kill) die();
    if (number > settings.at && !(settings.lasting && settings.mode >= FAIL)) return GO;
    switch (settings.mode) {
    case KILL_BEFORE: die(); break;
    case KILL_AFTER: return GO_THEN_DIE;
    case KILL_TORN: return TORN_THEN_DIE;
    case LIE: return FALSIFY;
    case FAIL_TORN: return number == settings.at ? TORN : REFUSE;
    default: break;
    }
    return REFUSE;
}

static enum verdict judge_descriptor(const char *call, int fd) {
    if (inside || !settings.prefixes) return GO;
    inside = 1;
    int saved = errno;
    char path[PATH_MAX];
    enum verdict verdict = path_of_descriptor(fd, path) ? judge(call, path, NULL) : GO;
    errno = saved;
    inside = 0;
    return verdict;
}

static enum verdict judge_name(const char *call, int folder, const char *name) {
    if (!settings.ready) set_up();
    if (inside || !settings.prefixes) return GO;
    inside = 1;
    int saved = errno;
    char path[PATH_MAX];
    enum verdict verdict = path_of_name(folder, name, path) ? judge(call, path, NULL) : GO;
    errno = saved;
    inside = 0;
    return verdict;
}

// Opening: on a disk that is read-only, reading goes on.
static enum verdict judge_opening(int folder, const char *name, int flags) {
    if (!settings.ready) set_up();
    int reads = (flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC));
    return settings.error == EROFS && reads ? GO : judge_name("open", folder, name);
}

static enum verdict judge_names(const char *call, int folder, const char *name, int folder2, const char *name2) {
    if (inside || !settings.prefixes) return GO;
    inside = 1;
    int saved = errno;
    char path[PATH_MAX], second[PATH_MAX];
    enum verdict verdict = GO;
    if (path_of_name(folder, name, path) && path_of_name(folder2, name2, second)) verdict = judge(call, path, second);
    errno = saved;
    inside = 0;
    return verdict;
}

// The function of this name that comes after ours.
#define REAL(name)                                                                                                     \
    static __typeof__(&name) real;                                                                                     \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

// Makes the call, or does not, as judged; what a refused call returns is given.
#define MAKE(type, judgement, refused, call)                                                                           \
    do {                                                                                                               \
        enum verdict judged = (judgement);                                                                             \
        if (judged == REFUSE || judged == TORN) {                                                                      \
            errno = settings.error;                                                                                    \
            return refused;                                                                                            \
        }                                                                                                              \
        int outer = inside;                                                                                            \
        inside = 1;                                                                                                    \
        type result = (call);                                                                                          \
        inside = outer;                                                                                                \
        if (judged == GO_THEN_DIE || judged == TORN_THEN_DIE) die();                                                   \
        return result;                                                                                                 \
    } while (0)

// Opening. Each name that a compiler or a header may turn `open` into.

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...) {                                                                       \
        REAL(name);                                                                                                    \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;                \
        va_end(rest);                                                                                                  \
        MAKE(int, judge_opening(AT_FDCWD, path, flags), -1, real(path, flags, mode));                                  \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                   \
    int name(int folder, const char *path, int flags, ...) {                                                           \
        REAL(name);                                                                                                    \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode_t mode = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(rest, mode_t) : 0;                \
        va_end(rest);                                                                                                  \
        MAKE(int, judge_opening(folder, path, flags), -1, real(folder, path, flags, mode));                            \
    }
OPENAT(openat)
OPENAT(openat64)

int __open_2(const char *, int);
int __open64_2(const char *, int);
int __openat_2(int, const char *, int);
int __openat64_2(int, const char *, int);
int __open_2(const char *path, int flags) {
    REAL(__open_2);
    MAKE(int, judge_opening(AT_FDCWD, path, flags), -1, real(path, flags));
}
int __open64_2(const char *path, int flags) {
    REAL(__open64_2);
    MAKE(int, judge_opening(AT_FDCWD, path, flags), -1, real(path, flags));
}
int __openat_2(int folder, const char *path, int flags) {
    REAL(__openat_2);
    MAKE(int, judge_opening(folder, path, flags), -1, real(folder, path, flags));
}
int __openat64_2(int folder, const char *path, int flags) {
    REAL(__openat64_2);
    MAKE(int, judge_opening(folder, path, flags), -1, real(folder, path, flags));
}
int creat(const char *path, mode_t mode) {
    REAL(creat);
    MAKE(int, judge_name("open", AT_FDCWD, path), -1, real(path, mode));
}
int creat64(const char *path, mode_t mode) {
    REAL(creat64);
    MAKE(int, judge_name("open", AT_FDCWD, path), -1, real(path, mode));
}
FILE *fopen(const char *path, const char *how) {
    REAL(fopen);
    MAKE(FILE *, judge_opening(AT_FDCWD, path, *how == 'r' && !strchr(how, '+') ? O_RDONLY : O_RDWR), NULL, real(path, how));
}
FILE *fopen64(const char *path, const char *how) {
    REAL(fopen64);
    MAKE(FILE *, judge_opening(AT_FDCWD, path, *how == 'r' && !strchr(how, '+') ? O_RDONLY : O_RDWR), NULL, real(path, how));
}
int mkstemp(char *path) {
    REAL(mkstemp);
    MAKE(int, judge_name("open", AT_FDCWD, path), -1, real(path));
}
int mkstemp64(char *path) {
    REAL(mkstemp64);
    MAKE(int, judge_name("open", AT_FDCWD, path), -1, real(path));
}
int mkostemp(char *path, int flags) {
    REAL(mkostemp);
    MAKE(int, judge_opening(AT_FDCWD, path, flags), -1, real(path, flags));
}
char *mkdtemp(char *path) {
    REAL(mkdtemp);
    MAKE(char *, judge_name("mkdir", AT_FDCWD, path), NULL, real(path));
}

// Writing. A torn write writes the first half.

#define WRITE(judgement, count, half, whole)                                                                           \
    do {                                                                                                               \
        enum verdict judged = (judgement);                                                                             \
        if (judged == REFUSE || (judged == TORN && (count) < 2)) {                                                     \
            errno = settings.error;                                                                                    \
            return -1;                                                                                                 \
        }                                                                                                              \
        if (judged == TORN) return half;                                                                               \
        if (judged == TORN_THEN_DIE) {                                                                                 \
            (void)!half;                                                                                               \
            die();                                                                                                     \
        }                                                                                                              \
        ssize_t result = whole;                                                                                        \
        if (judged == GO_THEN_DIE) die();                                                                              \
        return result;                                                                                                 \
    } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(write);
    enum verdict verdict = judge_descriptor("write", fd);
    char *false_bytes = verdict == FALSIFY && count ? malloc(count) : NULL;
    if (false_bytes) {
        memcpy(false_bytes, bytes, count);
        false_bytes[count - 1] ^= 1;
        ssize_t result = real(fd, false_bytes, count);
        free(false_bytes);
        return result;
    }
    WRITE(verdict, count, real(fd, bytes, count / 2), real(fd, bytes, count));
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    REAL(pwrite);
    WRITE(judge_descriptor("pwrite", fd), count, real(fd, bytes, count / 2, offset), real(fd, bytes, count, offset));
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    REAL(pwrite64);
    WRITE(judge_descriptor("pwrite", fd), count, real(fd, bytes, count / 2, offset), real(fd, bytes, count, offset));
}

static size_t total(const struct iovec *parts, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += parts[i].iov_len;
    return bytes;
}
// The first half of the first part that has any bytes; at least one byte of two.
static struct iovec half_of(const struct iovec *parts, int count) {
    for (int i = 0; i < count; i++)
        if (parts[i].iov_len) return (struct iovec){parts[i].iov_base, (parts[i].iov_len + 1) / 2};
    return (struct iovec){NULL, 0};
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    struct iovec half = half_of(parts, count);
    WRITE(judge_descriptor("writev", fd), total(parts, count), real(fd, &half, 1), real(fd, parts, count));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
    REAL(pwritev);
    struct iovec half = half_of(parts, count);
    WRITE(judge_descriptor("pwritev", fd), total(parts, count), real(fd, &half, 1, offset), real(fd, parts, count, offset));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
    REAL(pwritev64);
    struct iovec half = half_of(parts, count);
    WRITE(judge_descriptor("pwritev", fd), total(parts, count), real(fd, &half, 1, offset), real(fd, parts, count, offset));
}
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
    REAL(pwritev2);
    struct iovec half = half_of(parts, count);
    WRITE(judge_descriptor("pwritev", fd), total(parts, count), real(fd, &half, 1, offset, flags),
          real(fd, parts, count, offset, flags));
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags) {
    REAL(copy_file_range);
    WRITE(judge_descriptor("copy_file_range", out), count, real(in, from, out, to, count / 2, flags),
          real(in, from, out, to, count, flags));
}
ssize_t sendfile(int out, int in, off_t *from, size_t count) {
    REAL(sendfile);
    WRITE(judge_descriptor("sendfile", out), count, real(out, in, from, count / 2), real(out, in, from, count));
}

// Sizes, and what is durable.

int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    MAKE(int, judge_descriptor("ftruncate", fd), -1, real(fd, length));
}
int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    MAKE(int, judge_descriptor("ftruncate", fd), -1, real(fd, length));
}
int truncate(const char *path, off_t length) {
    REAL(truncate);
    MAKE(int, judge_name("truncate", AT_FDCWD, path), -1, real(path, length));
}
int truncate64(const char *path, off64_t length) {
    REAL(truncate64);
    MAKE(int, judge_name("truncate", AT_FDCWD, path), -1, real(path, length));
}
int fallocate(int fd, int how, off_t offset, off_t length) {
    REAL(fallocate);
    MAKE(int, judge_descriptor("fallocate", fd), -1, real(fd, how, offset, length));
}
int fallocate64(int fd, int how, off64_t offset, off64_t length) {
    REAL(fallocate64);
    MAKE(int, judge_descriptor("fallocate", fd), -1, real(fd, how, offset, length));
}
// These two return the error instead of setting errno.
int posix_fallocate(int fd, off_t offset, off_t length) {
    REAL(posix_fallocate);
    MAKE(int, judge_descriptor("fallocate", fd), settings.error, real(fd, offset, length));
}
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    REAL(posix_fallocate64);
    MAKE(int, judge_descriptor("fallocate", fd), settings.error, real(fd, offset, length));
}
int fsync(int fd) {
    REAL(fsync);
    MAKE(int, judge_descriptor("fsync", fd), -1, real(fd));
}
int fdatasync(int fd) {
    REAL(fdatasync);
    MAKE(int, judge_descriptor("fdatasync", fd), -1, real(fd));
}
int syncfs(int fd) {
    REAL(syncfs);
    MAKE(int, judge_descriptor("syncfs", fd), -1, real(fd));
}
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
    REAL(sync_file_range);
    MAKE(int, judge_descriptor("sync_file_range", fd), -1, real(fd, offset, length, flags));
}

// Names.

int rename(const char *from, const char *to) {
    REAL(rename);
    MAKE(int, judge_names("rename", AT_FDCWD, from, AT_FDCWD, to), -1, real(from, to));
}
int renameat(int folder, const char *from, int folder2, const char *to) {
    REAL(renameat);
    MAKE(int, judge_names("rename", folder, from, folder2, to), -1, real(folder, from, folder2, to));
}
int renameat2(int folder, const char *from, int folder2, const char *to, unsigned flags) {
    REAL(renameat2);
    MAKE(int, judge_names("rename", folder, from, folder2, to), -1, real(folder, from, folder2, to, flags));
}
int link(const char *from, const char *to) {
    REAL(link);
    MAKE(int, judge_names("link", AT_FDCWD, from, AT_FDCWD, to), -1, real(from, to));
}
int linkat(int folder, const char *from, int folder2, const char *to, int flags) {
    REAL(linkat);
    char own[40];
    const char *named = from;
    // An open file without a name is linked by its descriptor.
    if (from && !*from && (flags & AT_EMPTY_PATH)) snprintf(own, sizeof own, "/proc/self/fd/%d", folder), named = own;
    MAKE(int, judge_names("link", folder, named, folder2, to), -1, real(folder, from, folder2, to, flags));
}
int symlink(const char *target, const char *path) {
    REAL(symlink);
    MAKE(int, judge_name("symlink", AT_FDCWD, path), -1, real(target, path));
}
int symlinkat(const char *target, int folder, const char *path) {
    REAL(symlinkat);
    MAKE(int, judge_name("symlink", folder, path), -1, real(target, folder, path));
}
int unlink(const char *path) {
    REAL(unlink);
    MAKE(int, judge_name("unlink", AT_FDCWD, path), -1, real(path));
}
int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    MAKE(int, judge_name(flags & AT_REMOVEDIR ? "rmdir" : "unlink", folder, path), -1, real(folder, path, flags));
}
int remove(const char *path) {
    REAL(remove);
    MAKE(int, judge_name("unlink", AT_FDCWD, path), -1, real(path));
}
int rmdir(const char *path) {
    REAL(rmdir);
    MAKE(int, judge_name("rmdir", AT_FDCWD, path), -1, real(path));
}
int mkdir(const char *path, mode_t mode) {
    REAL(mkdir);
    MAKE(int, judge_name("mkdir", AT_FDCWD, path), -1, real(path, mode));
}
int mkdirat(int folder, const char *path, mode_t mode) {
    REAL(mkdirat);
    MAKE(int, judge_name("mkdir", folder, path), -1, real(folder, path, mode));
}
int chmod(const char *path, mode_t mode) {
    REAL(chmod);
    MAKE(int, judge_name("chmod", AT_FDCWD, path), -1, real(path, mode));
}
int fchmod(int fd, mode_t mode) {
    REAL(fchmod);
    MAKE(int, judge_descriptor("chmod", fd), -1, real(fd, mode));
}
int fchmodat(int folder, const char *path, mode_t mode, int flags) {
    REAL(fchmodat);
    MAKE(int, judge_name("chmod", folder, path), -1, real(folder, path, mode, flags));
}
