// A library to preload. It counts what a program does to files below a directory; at one of these
// operations it kills or interrupts the program, or lets the operation fail. It can also take away
// file locks and threads.
//
// DISK_BELOW     the directory
// DISK_LOG       a file that receives a line for each operation before it is done
// DISK_AT        the number of the operation at which something happens, from 1
// DISK_FAULT     what happens there:
//                kill        the process is killed before it, or in the middle of a write
//                interrupt   the process gets the signal of Ctrl-C, and waits for 0.2 s
//                twice       the same, then the signal again, and waits for a minute
//                a number    this operation and all later ones but removals fail with this errno
// DISK_NO_LOCKS  files cannot be locked, as on some network file systems
// DISK_THREAD    the number of the thread that cannot be started, from 1

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_long operations, threads;

static void absolute(const char *path, char *into) {
    size_t at = 0;
    if (path[0] != '/' && getcwd(into, PATH_MAX)) {
        at = strlen(into);
        into[at++] = '/';
    }
    snprintf(into + at, PATH_MAX, "%s", path);
}

static void path_of(int fd, char *into) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, into, PATH_MAX - 1);
    into[length < 0 ? 0 : length] = 0;
}

static void append(const char *log, const char *name, const char *path, const char *to) {
    char line[5 * PATH_MAX];
    int size = snprintf(line, sizeof line, "%s\t%s\t%s\n", name, path, to);
    int file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    syscall(SYS_write, file, line, size);
    syscall(SYS_close, file);
}

// Whether the operation fails, with errno set. `to` is the new name, `fd` and `bytes` what is
// written.
static int fails(const char *name, const char *path, const char *to, int fd, const void *bytes,
                 size_t length) {
    const char *below = getenv("DISK_BELOW"), *log = getenv("DISK_LOG");
    const char *at = getenv("DISK_AT"), *fault = getenv("DISK_FAULT");
    if (!below || strncmp(path, below, strlen(below))) return 0;
    long number = atomic_fetch_add(&operations, 1) + 1;
    if (log) append(log, name, path, to);
    if (!at || !fault || number < atol(at)) return 0;
    if (atoi(fault)) {
        errno = atoi(fault);
        return strcmp(name, "unlink") && strcmp(name, "rmdir");
    }
    if (number > atol(at)) return 0;
    if (!strcmp(fault, "kill")) {
        if (bytes) syscall(SYS_write, fd, bytes, length / 2);
        kill(getpid(), SIGKILL);
    }
    kill(getpid(), SIGINT);
    usleep(200000);
    if (!strcmp(fault, "twice")) {
        kill(getpid(), SIGINT);
        sleep(60);
    }
    return 0;
}

static int fails_on_path(const char *name, const char *path, const char *to) {
    char whole[2 * PATH_MAX], whole_to[2 * PATH_MAX] = "";
    absolute(path, whole);
    if (to) absolute(to, whole_to);
    return fails(name, whole, whole_to, -1, NULL, 0);
}

static int fails_on_file(const char *name, int fd, const void *bytes, size_t length) {
    char path[PATH_MAX];
    path_of(fd, path);
    return fails(name, path, "", fd, bytes, length);
}

#define OPEN(name)                                                                         \
    int name(const char *path, int flags, ...) {                                           \
        va_list rest;                                                                      \
        va_start(rest, flags);                                                             \
        mode_t mode = va_arg(rest, mode_t);                                                \
        va_end(rest);                                                                      \
        if ((flags & O_ACCMODE) != O_RDONLY && fails_on_path("open", path, NULL)) return -1; \
        return REAL(name)(path, flags, mode);                                              \
    }
OPEN(open)
OPEN(open64)

ssize_t write(int fd, const void *bytes, size_t length) {
    return fails_on_file("write", fd, bytes, length) ? -1 : REAL(write)(fd, bytes, length);
}

#define ON_FILE(name)                                                       \
    int name(int fd) {                                                      \
        return fails_on_file("sync", fd, NULL, 0) ? -1 : REAL(name)(fd);    \
    }
ON_FILE(fsync)
ON_FILE(fdatasync)

#define ON_PATH(name)                                                       \
    int name(const char *path) {                                            \
        return fails_on_path(#name, path, NULL) ? -1 : REAL(name)(path);    \
    }
ON_PATH(unlink)
ON_PATH(rmdir)

int mkdir(const char *path, mode_t mode) {
    return fails_on_path("mkdir", path, NULL) ? -1 : REAL(mkdir)(path, mode);
}

int rename(const char *from, const char *to) {
    return fails_on_path("rename", from, to) ? -1 : REAL(rename)(from, to);
}

int flock(int fd, int operation) {
    if (getenv("DISK_NO_LOCKS")) return errno = ENOSYS, -1;
    return REAL(flock)(fd, operation);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument) {
    const char *number = getenv("DISK_THREAD");
    if (number && atomic_fetch_add(&threads, 1) + 1 == atol(number)) {
        append(getenv("DISK_LOG"), "no thread", "", "");
        return EAGAIN;
    }
    return REAL(pthread_create)(thread, attributes, start, argument);
}
