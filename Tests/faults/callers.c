// Makes each call that the shim counts, in the folder given, in a fixed order; says which one failed.
// With a second argument it goes on after failures, so that a lasting fault can be watched.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int go_on;
static long check(const char *what, long result) {
    if (result >= 0) return result;
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    if (!go_on) exit(1);
    return result;
}

// Whole names, so that strace shows them whole. Rotates through a few buffers.
static const char *root;
static const char *at(const char *name) {
    static char names[4][4096];
    static int next;
    char *whole = names[next++ % 4];
    snprintf(whole, sizeof names[0], "%s/%s", root, name);
    return whole;
}

int main(int count, char **arguments) {
    if (count < 2) return 64;
    root = arguments[1];
    go_on = count > 2;
    struct iovec parts[2] = {{"abcd", 4}, {"efgh", 4}};
    check("mkdir", mkdir(at("sub"), 0700));
    int folder = (int)check("open", open(at("sub"), O_RDONLY | O_DIRECTORY));
    check("mkdirat", mkdirat(folder, "inner", 0700));
    int file = (int)check("openat", openat(folder, "one", O_RDWR | O_CREAT, 0600));
    check("write", write(file, "12345678", 8));
    check("pwrite", pwrite(file, "12345678", 8, 8));
    check("writev", writev(file, parts, 2));
    check("pwritev", pwritev(file, parts, 2, 24));
    check("fdatasync", fdatasync(file));
    check("ftruncate", ftruncate(file, 20));
    check("fchmod", fchmod(file, 0400));
    check("fsync", fsync(file));
    check("link", link(at("sub/one"), at("sub/two")));
    check("linkat", linkat(folder, "one", folder, "three", 0));
    check("rename", rename(at("sub/two"), at("sub/four")));
    check("renameat", renameat(folder, "three", folder, "five"));
    check("renameat2", renameat2(folder, "five", folder, "six", RENAME_NOREPLACE));
    check("unlink", unlink(at("sub/four")));
    check("unlinkat", unlinkat(folder, "six", 0));
    check("unlinkat", unlinkat(folder, "inner", AT_REMOVEDIR));
    check("symlink", symlink("one", at("sub/link")));
    check("remove", remove(at("sub/link")));
    // Elsewhere: never counted.
    int elsewhere = open("/dev/null", O_WRONLY);
    check("elsewhere", write(elsewhere, "x", 1));
    close(elsewhere);
    check("fsync", fsync(folder));
    puts("done");
    return 0;
}
