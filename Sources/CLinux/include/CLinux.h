// The few Linux calls that Swift's Glibc module does not import: memory files, descriptors over sockets, programs
// started with chosen descriptors, limits and system call filters. Each returns 0 or more, or -errno.
#ifndef STRONGROOM_CLINUX_H
#define STRONGROOM_CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// A memory file: no name in any directory, closed on exec, sealable.
int strongroom_memory_file(void);
// Forbids every later change of a memory file's bytes and size, for every holder of it.
int strongroom_memory_file_seal(int descriptor);

// Tells the disk to write a range of a file now, and does not wait. No durability: that is fsync's.
int strongroom_start_writing(int descriptor, uint64_t offset, uint64_t count);
// Waits until a range of a file is written, and lets its pages go from memory. No durability: that is fsync's.
int strongroom_settle(int descriptor, uint64_t offset, uint64_t count);

// Whether somebody has a file open for writing: 1 or 0. The descriptor is open for reading; only the file's owner is told, of
// programs on this machine, and -EACCES or -EINVAL is that it cannot be known.
int strongroom_is_being_written(int descriptor);
// Renames, and never over anything: -EEXIST where there is something, -EINVAL where the file system cannot promise that.
int strongroom_rename_new(int from, const char *name, int to, const char *new_name);

// Events of folders: a descriptor that can be read from whenever something came into one that is watched, or was written and
// closed there.
int strongroom_folder_events(void);
// Watches one more folder; one that is watched already stays so.
int strongroom_watch_folder(int events, const char *path);
// Takes all events that came: 1 where there were any, or where there were more than the system keeps.
int strongroom_take_folder_events(int events);

// A connected pair of stream sockets, closed on exec.
int strongroom_socket_pair(int pair[2]);
// A stream socket connected to the one with this path, closed on exec. Whoever writes to it waits no longer than so many seconds.
int strongroom_connect(const char *path, int seconds);
// Sends one message to the datagram socket with this path, or with this name where it begins with an at sign.
int strongroom_notify(const char *path, const char *message);
// Whether the kernel's clock is kept by a time source: 1 or 0.
int strongroom_clock_is_kept(void);
// A pipe, closed on exec.
int strongroom_pipe(int ends[2]);
// Sends bytes, and a descriptor beside the first of them unless it is negative. Never raises SIGPIPE.
ssize_t strongroom_send(int socket, const void *bytes, size_t count, int descriptor);
// Receives bytes; `descriptor` becomes the one that came with them, or -1. 0 is the other end's close. More than one
// descriptor, or any where `descriptor` is NULL, is -EBADMSG, and none of them is opened here.
ssize_t strongroom_receive(int socket, void *bytes, size_t count, int *descriptor);

// How many descriptors a program can be started with, the standard ones among them.
#define STRONGROOM_MOST_DESCRIPTORS 128

// Starts a program with exactly these descriptors, as 0 and upwards, an empty environment, default signals and a session of
// its own. Of the standard ones, which are always given, a negative one is /dev/null; of the others the first negative one
// ends the list. More than there may be are -EINVAL.
int strongroom_spawn(
    pid_t *process, const char *path, char *const arguments[], const int descriptors[], size_t count);

// Has this process keep up to so many freed bytes for its next use, in blocks smaller than `largest`, where the C library
// would give them back to the system at once and take them anew, cleared, a moment later. Each of so many heaps, which the
// threads share, keeps as many: the C library would have eight for each core.
int strongroom_keep_freed_memory(int most, int largest, int heaps);

// Has the C library write over what this process frees, for buffers of other people's libraries that hold plaintext. What is
// freed in small pieces, of about a kilobyte and less, is left as it is.
int strongroom_overwrite_freed_memory(void);

// Limits this process: both bounds of one resource.
int strongroom_limit_files(uint64_t count);
int strongroom_limit_file_size(uint64_t bytes);
int strongroom_limit_processes(uint64_t count);
int strongroom_limit_address_space(uint64_t bytes);
int strongroom_limit_data(uint64_t bytes);
int strongroom_limit_cpu_seconds(uint64_t soft, uint64_t hard);
int strongroom_no_core_dumps(void);

// From here on this thread may read, write, map files and private memory, and receive descriptors, and nothing else: no
// opening, no sockets, no programs, no new processes. Other calls fail with EPERM.
int strongroom_confine(void);
// A new memory file with the system call filter of renderers, as bubblewrap reads it: no sockets, no processes (threads
// only), no namespaces, no memory beside what the limits count, and none of the calls that administer a machine or look
// into other processes. Other calls are left.
int strongroom_renderer_filter(void);

#endif
