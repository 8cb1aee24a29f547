#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

int strongroom_memory_file(void) {
    int descriptor = memfd_create("document", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return descriptor < 0 ? -errno : descriptor;
}

int strongroom_memory_file_seal(int descriptor) {
    int seals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
    return fcntl(descriptor, F_ADD_SEALS, seals) < 0 ? -errno : 0;
}

int strongroom_start_writing(int descriptor, uint64_t offset, uint64_t count) {
    return sync_file_range(descriptor, (off_t)offset, (off_t)count, SYNC_FILE_RANGE_WRITE) < 0 ? -errno : 0;
}

int strongroom_settle(int descriptor, uint64_t offset, uint64_t count) {
    unsigned all = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    if (sync_file_range(descriptor, (off_t)offset, (off_t)count, all) < 0) return -errno;
    return -posix_fadvise(descriptor, (off_t)offset, (off_t)count, POSIX_FADV_DONTNEED);
}

int strongroom_is_being_written(int descriptor) {
    // A lease for reading is given only while nobody has the file open for writing.
    if (fcntl(descriptor, F_SETLEASE, F_RDLCK) < 0) return errno == EAGAIN ? 1 : -errno;
    return fcntl(descriptor, F_SETLEASE, F_UNLCK) < 0 ? -errno : 0;
}

int strongroom_rename_new(int from, const char *name, int to, const char *new_name) {
    return renameat2(from, name, to, new_name, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

int strongroom_folder_events(void) {
    int events = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return events < 0 ? -errno : events;
}

int strongroom_watch_folder(int events, const char *path) {
    int watch = inotify_add_watch(events, path, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ONLYDIR);
    return watch < 0 ? -errno : 0;
}

int strongroom_take_folder_events(int events) {
    char buffer[8192] __attribute__((aligned(8)));
    int any = 0;
    for (;;) {
        ssize_t count = read(events, buffer, sizeof buffer);
        if (count > 0) any = 1;
        else if (count < 0 && errno == EINTR) continue;
        else return count < 0 && errno != EAGAIN ? -errno : any;
    }
}

int strongroom_socket_pair(int pair[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;
}

int strongroom_connect(const char *path, int seconds) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    int line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line < 0) return -errno;
    struct timeval most = {.tv_sec = seconds};
    if (setsockopt(line, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most) == 0
        && connect(line, (struct sockaddr *)&address, sizeof address) == 0)
        return line;
    int error = errno;
    close(line);
    return -error;
}

int strongroom_notify(const char *path, const char *message) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') address.sun_path[0] = 0;
    int line = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (line < 0) return -errno;
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    ssize_t sent = sendto(line, message, strlen(message), MSG_NOSIGNAL, (struct sockaddr *)&address, size);
    int error = errno;
    close(line);
    return sent < 0 ? -error : 0;
}

int strongroom_clock_is_kept(void) {
    struct timex now = {.modes = 0};
    int state = adjtimex(&now);
    if (state < 0) return -errno;
    return state != TIME_ERROR && !(now.status & STA_UNSYNC);
}

int strongroom_keep_freed_memory(int most, int largest, int heaps) {
    int taken = mallopt(M_TRIM_THRESHOLD, most) && mallopt(M_MMAP_THRESHOLD, largest) && mallopt(M_ARENA_MAX, heaps);
    return taken ? 0 : -EINVAL;
}

int strongroom_overwrite_freed_memory(void) { return mallopt(M_PERTURB, 0xA5) ? 0 : -EINVAL; }

int strongroom_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0; }

ssize_t strongroom_send(int socket, const void *bytes, size_t count, int descriptor) {
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    if (descriptor >= 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
    }
    ssize_t sent;
    do sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

ssize_t strongroom_receive(int socket, void *bytes, size_t count, int *descriptor) {
    if (descriptor) *descriptor = -1;
    struct iovec part = {.iov_base = bytes, .iov_len = count};
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr header;
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor) {
        message.msg_control = control.bytes;
        // Not CMSG_SPACE: its padding has room for a second descriptor, which the kernel would put there. What there is
        // no room for the kernel lets go, and says so.
        message.msg_controllen = CMSG_LEN(sizeof(int));
    }
    ssize_t received;
    do received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0) return -errno;
    if (descriptor) {
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS
            && header->cmsg_len == CMSG_LEN(sizeof(int))) {
            memcpy(descriptor, CMSG_DATA(header), sizeof(int));
        }
    }
    if (message.msg_flags & MSG_CTRUNC) {
        if (descriptor && *descriptor >= 0) {
            close(*descriptor);
            *descriptor = -1;
        }
        return -EBADMSG;
    }
    return received;
}

int strongroom_spawn(
    pid_t *process, const char *path, char *const arguments[], const int descriptors[], size_t count) {
    // Copies far above the targets first, so that no target is overwritten before it has been used as a source.
    int copies[STRONGROOM_MOST_DESCRIPTORS];
    if (count < 3 || count > STRONGROOM_MOST_DESCRIPTORS) return -EINVAL;
    int given = 3;
    while ((size_t)given < count && descriptors[given] >= 0) given++;
    int result = 0;
    for (int i = 0; i < given; i++) {
        copies[i] = -1;
        if (descriptors[i] >= 0) {
            copies[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, STRONGROOM_MOST_DESCRIPTORS);
        } else {
            int nothing = open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
            if (nothing >= 0) {
                copies[i] = fcntl(nothing, F_DUPFD_CLOEXEC, STRONGROOM_MOST_DESCRIPTORS);
                close(nothing);
            }
        }
        if (copies[i] < 0) result = errno;
    }

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    for (int i = 0; i < given && !result; i++) {
        result = posix_spawn_file_actions_adddup2(&actions, copies[i], i);
    }
    // The server's own descriptors (vault, sockets) must not reach the program, whatever flags they were opened with.
    if (!result) result = posix_spawn_file_actions_addclosefrom_np(&actions, given);
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(
        &attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
    char *const environment[] = {NULL};
    if (!result) result = posix_spawn(process, path, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    for (int i = 0; i < given; i++) {
        if (copies[i] >= 0) close(copies[i]);
    }
    return -result;
}

static int limit(int resource, uint64_t soft, uint64_t hard) {
    struct rlimit bounds = {.rlim_cur = soft, .rlim_max = hard};
    return setrlimit(resource, &bounds) < 0 ? -errno : 0;
}

int strongroom_limit_files(uint64_t count) { return limit(RLIMIT_NOFILE, count, count); }
int strongroom_limit_file_size(uint64_t bytes) { return limit(RLIMIT_FSIZE, bytes, bytes); }
int strongroom_limit_processes(uint64_t count) { return limit(RLIMIT_NPROC, count, count); }
int strongroom_limit_address_space(uint64_t bytes) { return limit(RLIMIT_AS, bytes, bytes); }
int strongroom_limit_data(uint64_t bytes) { return limit(RLIMIT_DATA, bytes, bytes); }
int strongroom_limit_cpu_seconds(uint64_t soft, uint64_t hard) { return limit(RLIMIT_CPU, soft, hard); }
int strongroom_no_core_dumps(void) {
    if (prctl(PR_SET_DUMPABLE, 0) < 0) return -errno;
    return limit(RLIMIT_CORE, 0, 0);
}

#if defined(__x86_64__)
#define STRONGROOM_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define STRONGROOM_ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "The system call filter needs this architecture's audit number."
#endif

#define STRONGROOM_LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define STRONGROOM_ANSWER(answer) BPF_STMT(BPF_RET | BPF_K, answer)
#define STRONGROOM_REFUSED (SECCOMP_RET_ERRNO | EPERM)
#define STRONGROOM_UNKNOWN (SECCOMP_RET_ERRNO | ENOSYS)

// Another architecture's calls have other numbers. Ends with the call's number loaded.
#define STRONGROOM_OWN_CALLS                                              \
    STRONGROOM_LOAD(arch),                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, STRONGROOM_ARCHITECTURE, 1, 0),   \
    STRONGROOM_ANSWER(SECCOMP_RET_KILL_PROCESS),                          \
    STRONGROOM_LOAD(nr)

#define STRONGROOM_CALL(call, answer)                                     \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_##call, 0, 1), STRONGROOM_ANSWER(answer)
#define STRONGROOM_ALLOW(call) STRONGROOM_CALL(call, SECCOMP_RET_ALLOW)
#define STRONGROOM_REFUSE(call) STRONGROOM_CALL(call, STRONGROOM_REFUSED)

// Memory that is neither private nor a file's counts against no limit of a process but its address space, which is
// wide, for documents are mapped. The flags are the fourth argument; both architectures are little-endian.
#define STRONGROOM_ALLOW_MMAP                                             \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mmap, 0, 6),                 \
    STRONGROOM_LOAD(args[3]),                                             \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 0, 2),            \
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, MAP_TYPE),                        \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MAP_PRIVATE, 0, 1),               \
    STRONGROOM_ANSWER(SECCOMP_RET_ALLOW),                                 \
    STRONGROOM_ANSWER(STRONGROOM_REFUSED)

// A thread, but no process, whose memory would be limited apart from its parent's; and no new namespace.
#define STRONGROOM_NAMESPACES                                             \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define STRONGROOM_ALLOW_THREADS                                          \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clone, 0, 5),                \
    STRONGROOM_LOAD(args[0]),                                             \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, STRONGROOM_NAMESPACES, 2, 0),    \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1),             \
    STRONGROOM_ANSWER(SECCOMP_RET_ALLOW),                                 \
    STRONGROOM_ANSWER(STRONGROOM_REFUSED)

int strongroom_confine(void) {
    struct sock_filter rules[] = {
        STRONGROOM_OWN_CALLS,
        STRONGROOM_ALLOW(read),
        STRONGROOM_ALLOW(write),
        STRONGROOM_ALLOW(recvmsg),
        STRONGROOM_ALLOW(sendmsg),
        STRONGROOM_ALLOW(close),
        STRONGROOM_ALLOW(fstat),
        STRONGROOM_ALLOW(lseek),
        STRONGROOM_ALLOW_MMAP,
        STRONGROOM_ALLOW(munmap),
        STRONGROOM_ALLOW(mremap),
        STRONGROOM_ALLOW(mprotect),
        STRONGROOM_ALLOW(madvise),
        STRONGROOM_ALLOW(brk),
        STRONGROOM_ALLOW(futex),
        STRONGROOM_ALLOW(getrandom),
        STRONGROOM_ALLOW(clock_gettime),
        STRONGROOM_ALLOW(gettimeofday),
        STRONGROOM_ALLOW(getrusage),
        STRONGROOM_ALLOW(setrlimit),
        STRONGROOM_ALLOW(prlimit64),
        STRONGROOM_ALLOW(rt_sigaction),
        STRONGROOM_ALLOW(rt_sigprocmask),
        STRONGROOM_ALLOW(rt_sigreturn),
        STRONGROOM_ALLOW(getpid),
        STRONGROOM_ALLOW(gettid),
        STRONGROOM_ALLOW(tgkill),
        STRONGROOM_ALLOW(sched_yield),
        STRONGROOM_ALLOW(exit),
        STRONGROOM_ALLOW(exit_group),
        STRONGROOM_ANSWER(STRONGROOM_REFUSED),
    };
    struct sock_fprog program = {.len = sizeof rules / sizeof rules[0], .filter = rules};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0) return -errno;
    return 0;
}

int strongroom_renderer_filter(void) {
    struct sock_filter rules[] = {
        STRONGROOM_OWN_CALLS,
        // What kernels later than these headers added is not there, nor the calls of x32, whose numbers are larger.
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, __NR_futex_waitv, 0, 1),
        STRONGROOM_ANSWER(STRONGROOM_UNKNOWN),
        STRONGROOM_ALLOW_MMAP,
        STRONGROOM_ALLOW_THREADS,
        // Its flags lie in memory, where no filter can look; the C library then takes clone.
        STRONGROOM_CALL(clone3, STRONGROOM_UNKNOWN),
        // Other processes, and namespaces.
        STRONGROOM_REFUSE(ptrace),
        STRONGROOM_REFUSE(process_vm_readv),
        STRONGROOM_REFUSE(process_vm_writev),
        STRONGROOM_REFUSE(process_madvise),
        STRONGROOM_REFUSE(process_mrelease),
        STRONGROOM_REFUSE(pidfd_open),
        STRONGROOM_REFUSE(pidfd_getfd),
        STRONGROOM_REFUSE(kcmp),
        STRONGROOM_REFUSE(unshare),
        STRONGROOM_REFUSE(setns),
        STRONGROOM_REFUSE(personality),
        // Sockets of every family.
        STRONGROOM_REFUSE(socket),
        STRONGROOM_REFUSE(socketpair),
        // Memory beside what is limited.
        STRONGROOM_REFUSE(memfd_create),
        STRONGROOM_REFUSE(memfd_secret),
        STRONGROOM_REFUSE(shmget),
        STRONGROOM_REFUSE(semget),
        STRONGROOM_REFUSE(msgget),
        STRONGROOM_REFUSE(mq_open),
        STRONGROOM_REFUSE(vmsplice),
        STRONGROOM_REFUSE(migrate_pages),
        STRONGROOM_REFUSE(move_pages),
        // File systems.
        STRONGROOM_REFUSE(mount),
        STRONGROOM_REFUSE(umount2),
        STRONGROOM_REFUSE(pivot_root),
        STRONGROOM_REFUSE(chroot),
        STRONGROOM_REFUSE(fsopen),
        STRONGROOM_REFUSE(fsconfig),
        STRONGROOM_REFUSE(fsmount),
        STRONGROOM_REFUSE(fspick),
        STRONGROOM_REFUSE(open_tree),
        STRONGROOM_REFUSE(move_mount),
        STRONGROOM_REFUSE(mount_setattr),
        STRONGROOM_REFUSE(name_to_handle_at),
        STRONGROOM_REFUSE(open_by_handle_at),
        STRONGROOM_REFUSE(quotactl),
        STRONGROOM_REFUSE(quotactl_fd),
        STRONGROOM_REFUSE(fanotify_init),
        STRONGROOM_REFUSE(swapon),
        STRONGROOM_REFUSE(swapoff),
        // Parts of the kernel that have been ways into it.
        STRONGROOM_REFUSE(bpf),
        STRONGROOM_REFUSE(perf_event_open),
        STRONGROOM_REFUSE(userfaultfd),
        STRONGROOM_REFUSE(io_uring_setup),
        STRONGROOM_REFUSE(io_uring_enter),
        STRONGROOM_REFUSE(io_uring_register),
        STRONGROOM_REFUSE(io_setup),
        STRONGROOM_REFUSE(add_key),
        STRONGROOM_REFUSE(request_key),
        STRONGROOM_REFUSE(keyctl),
        STRONGROOM_REFUSE(syslog),
        STRONGROOM_REFUSE(acct),
        STRONGROOM_REFUSE(lookup_dcookie),
        // The machine itself.
        STRONGROOM_REFUSE(init_module),
        STRONGROOM_REFUSE(finit_module),
        STRONGROOM_REFUSE(delete_module),
        STRONGROOM_REFUSE(kexec_load),
        STRONGROOM_REFUSE(kexec_file_load),
        STRONGROOM_REFUSE(reboot),
        STRONGROOM_REFUSE(settimeofday),
        STRONGROOM_REFUSE(clock_settime),
        STRONGROOM_REFUSE(clock_adjtime),
        STRONGROOM_REFUSE(adjtimex),
        STRONGROOM_REFUSE(sethostname),
        STRONGROOM_REFUSE(setdomainname),
        STRONGROOM_REFUSE(vhangup),
#if defined(__x86_64__)
        STRONGROOM_REFUSE(fork),
        STRONGROOM_REFUSE(vfork),
        STRONGROOM_REFUSE(ioperm),
        STRONGROOM_REFUSE(iopl),
        STRONGROOM_REFUSE(modify_ldt),
        STRONGROOM_REFUSE(uselib),
#endif
        STRONGROOM_ANSWER(SECCOMP_RET_ALLOW),
    };
    int descriptor = strongroom_memory_file();
    if (descriptor < 0) return descriptor;
    if (pwrite(descriptor, rules, sizeof rules, 0) != sizeof rules) {
        int error = errno;
        close(descriptor);
        return -error;
    }
    return descriptor;
}
