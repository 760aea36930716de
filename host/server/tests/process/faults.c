// Makes the disk fail under a server's database, for tests: preloaded (LD_PRELOAD), it stands before the C library's calls
// that write files and make them durable. Calls for other files go through.
//
// The file that SKERRY_FAULTS names says what fails, as "<mode> <skip> <generation>" and spaces to 32 bytes. It is read at
// each call. After `skip` calls of a generation:
//   f  the disk is full: writes fail with ENOSPC
//   s  a write takes half of its bytes, and the next one fails with ENOSPC, in turns
//   d  making durable fails with EIO
//   w  writes fail with EIO
//   n  nothing fails
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int control = -1;
static unsigned seen_generation;
static unsigned calls;
static unsigned turn;

__attribute__((constructor)) static void open_control(void) {
    const char *path = getenv("SKERRY_FAULTS");
    control = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

// Whether the descriptor is a file of the database: the file itself, its log, or the log's index.
static int is_database(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return strstr(path, "/skerry.db") != NULL;
}

// What fails now.
static char mode_now(int fd) {
    if (control < 0 || !is_database(fd)) return 'n';
    char text[33] = {0}, mode = 'n';
    unsigned skip = 0, generation = 0;
    if (syscall(SYS_pread64, control, text, 32, 0L) <= 0) return 'n';
    if (sscanf(text, "%c %u %u", &mode, &skip, &generation) != 3) return 'n';
    if (__atomic_exchange_n(&seen_generation, generation, __ATOMIC_SEQ_CST) != generation) {
        __atomic_store_n(&calls, 0, __ATOMIC_SEQ_CST);
    }
    return __atomic_fetch_add(&calls, 1, __ATOMIC_SEQ_CST) < skip ? 'n' : mode;
}

// 0 where the call goes through, else the error; `count` may be made smaller.
static int failure_of_write(int fd, size_t *count) {
    switch (mode_now(fd)) {
    case 'f': return ENOSPC;
    case 'w': return EIO;
    case 's':
        if (__atomic_fetch_add(&turn, 1, __ATOMIC_SEQ_CST) % 2) return ENOSPC;
        if (*count > 1) *count /= 2;
        return 0;
    default: return 0;
    }
}

#define WRITES_OR_FAILS(fd, count)                   \
    do {                                             \
        int failure = failure_of_write(fd, &(count)); \
        if (failure) {                               \
            errno = failure;                         \
            return -1;                               \
        }                                            \
    } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
    WRITES_OR_FAILS(fd, count);
    return syscall(SYS_write, fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    WRITES_OR_FAILS(fd, count);
    return syscall(SYS_pwrite64, fd, bytes, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    return pwrite64(fd, bytes, count, offset);
}

static int sync_with(long call, int fd) {
    if (mode_now(fd) == 'd') {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, fd);
}

int fsync(int fd) { return sync_with(SYS_fsync, fd); }

int fdatasync(int fd) { return sync_with(SYS_fdatasync, fd); }
