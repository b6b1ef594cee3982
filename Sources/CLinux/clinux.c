#define _GNU_SOURCE
#include "clinux.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

const uint64_t ferry_o_path = O_PATH;
const uint64_t ferry_o_directory = O_DIRECTORY;
const uint64_t ferry_o_nofollow = O_NOFOLLOW;
const uint64_t ferry_o_cloexec = O_CLOEXEC;
const uint64_t ferry_o_tmpfile = O_TMPFILE;
const uint64_t ferry_resolve_beneath = RESOLVE_BENEATH;
const uint64_t ferry_resolve_no_magiclinks = RESOLVE_NO_MAGICLINKS;
const uint64_t ferry_resolve_no_symlinks = RESOLVE_NO_SYMLINKS;
const long ferry_utime_omit = UTIME_OMIT;
const int ferry_seek_data = SEEK_DATA;
const int ferry_seek_hole = SEEK_HOLE;
const int ferry_at_empty_path = AT_EMPTY_PATH;

int ferry_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    long result = syscall(SYS_openat2, directory, path, &how, sizeof how);
    return result < 0 ? -errno : (int)result;
}

long ferry_getdents64(int directory, void *buffer, size_t size) {
    long result = syscall(SYS_getdents64, directory, buffer, size);
    return result < 0 ? -errno : result;
}

int ferry_start_writeback(int descriptor, int64_t offset, int64_t count) {
    return sync_file_range(descriptor, offset, count, SYNC_FILE_RANGE_WRITE) < 0 ? -errno : 0;
}

int ferry_punch_hole(int descriptor, int64_t offset, int64_t count) {
    return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count) < 0 ? -errno : 0;
}

int ferry_link_descriptor(int descriptor, int directory, const char *name) {
    if (linkat(descriptor, "", directory, name, AT_EMPTY_PATH) == 0) return 0;
    // Also what it says of a directory that is gone: then the next call says it again.
    if (errno != ENOENT) return -errno;
    char path[sizeof "/proc/self/fd/" + 3 * sizeof descriptor];
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return linkat(AT_FDCWD, path, directory, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

int ferry_syncfs(int descriptor) { return syncfs(descriptor) < 0 ? -errno : 0; }

static int reopen(int descriptor, int flags) {
    char path[32];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", descriptor);
    int again = open(path, flags | O_CLOEXEC);
    return again < 0 ? -errno : again;
}

int ferry_reopen_direct(int descriptor) { return reopen(descriptor, O_WRONLY | O_DIRECT); }

int ferry_reopen_reading(int descriptor) {
    int direct = reopen(descriptor, O_RDONLY | O_DIRECT);
    return direct == -EINVAL ? reopen(descriptor, O_RDONLY) : direct;
}

int ferry_stop_direct(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    return flags >= 0 && flags & O_DIRECT && fcntl(descriptor, F_SETFL, flags & ~O_DIRECT) == 0;
}

void ferry_fill_standard_descriptors(void) {
    for (int descriptor = 0; descriptor <= 2; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
        // The lowest that is free is this one.
        if (open("/dev/null", descriptor == 0 ? O_WRONLY : O_RDONLY) != descriptor) _exit(126);
    }
}

void ferry_raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int ferry_spawn_close_from(void *actions, int first) {
    return posix_spawn_file_actions_addclosefrom_np((posix_spawn_file_actions_t *)actions, first);
}

uint32_t ferry_file_system(int descriptor) {
    struct statfs status;
    return fstatfs(descriptor, &status) == 0 ? (uint32_t)status.f_type : 0;
}
