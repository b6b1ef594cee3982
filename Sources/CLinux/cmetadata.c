#define _GNU_SOURCE
#include "cmetadata.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

// The same on every processor; older headers lack them.
enum { SETXATTRAT = 463, GETXATTRAT = 464, LISTXATTRAT = 465, REMOVEXATTRAT = 466 };

struct value {
    uint64_t bytes;
    uint32_t size;
    uint32_t flags;
};

// Asked once: a kernel that lacks the calls says ENOSYS, a filter of system calls that does not know them often EPERM.
static int has_calls(void) {
    static int known; // 1 yes, 2 no; every thread finds the same
    int result = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (result == 0) {
        result = syscall(LISTXATTRAT, AT_FDCWD, "/", 0, NULL, (size_t)0) < 0 && (errno == ENOSYS || errno == EPERM) ? 2 : 1;
        __atomic_store_n(&known, result, __ATOMIC_RELAXED);
    }
    return result == 1;
}

// A magic link leads to the directory, wherever it is, and its last component is not followed.
static void path_of(char *path, size_t size, int directory, const char *name) {
    snprintf(path, size, "/proc/self/fd/%d/%s", directory, name);
}

long ferry_listxattr(int directory, const char *name, char *list, size_t size) {
    long result;
    char path[320];
    if (!*name) {
        result = flistxattr(directory, list, size);
    } else if (has_calls()) {
        result = syscall(LISTXATTRAT, directory, name, AT_SYMLINK_NOFOLLOW, list, size);
    } else {
        path_of(path, sizeof path, directory, name);
        result = llistxattr(path, list, size);
    }
    return result < 0 ? -errno : result;
}

long ferry_getxattr(int directory, const char *name, const char *attribute, void *value, size_t size) {
    long result;
    char path[320];
    if (!*name) {
        result = fgetxattr(directory, attribute, value, size);
    } else if (has_calls()) {
        struct value into = {.bytes = (uintptr_t)value, .size = (uint32_t)size};
        result = syscall(GETXATTRAT, directory, name, AT_SYMLINK_NOFOLLOW, attribute, &into, sizeof into);
    } else {
        path_of(path, sizeof path, directory, name);
        result = lgetxattr(path, attribute, value, size);
    }
    return result < 0 ? -errno : result;
}

int ferry_setxattr(int directory, const char *name, const char *attribute, const void *value, size_t size) {
    long result;
    char path[320];
    if (!*name) {
        result = fsetxattr(directory, attribute, value, size, 0);
    } else if (has_calls()) {
        struct value from = {.bytes = (uintptr_t)value, .size = (uint32_t)size};
        result = syscall(SETXATTRAT, directory, name, AT_SYMLINK_NOFOLLOW, attribute, &from, sizeof from);
    } else {
        path_of(path, sizeof path, directory, name);
        result = lsetxattr(path, attribute, value, size, 0);
    }
    return result < 0 ? -errno : 0;
}

int ferry_removexattr(int directory, const char *name, const char *attribute) {
    long result;
    char path[320];
    if (!*name) {
        result = fremovexattr(directory, attribute);
    } else if (has_calls()) {
        result = syscall(REMOVEXATTRAT, directory, name, AT_SYMLINK_NOFOLLOW, attribute);
    } else {
        path_of(path, sizeof path, directory, name);
        result = lremovexattr(path, attribute);
    }
    return result < 0 ? -errno : 0;
}

static int has_capabilities(uint32_t wanted) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & wanted) == wanted;
}

int ferry_may_give_away(void) {
    return has_capabilities(1U << CAP_CHOWN | 1U << CAP_FOWNER | 1U << CAP_DAC_OVERRIDE);
}

int ferry_may_trust(void) { return has_capabilities(1U << CAP_SYS_ADMIN); }

// Groups may have many members, all of which the C library wants room for.
enum { ENTRY_SIZE = 1 << 20 };

size_t ferry_account_name(uint32_t id, int is_group, char *name, size_t size) {
    char *room = malloc(ENTRY_SIZE);
    if (!room) return 0;
    const char *found = NULL;
    struct passwd user, *has_user = NULL;
    struct group group, *has_group = NULL;
    if (is_group) {
        if (getgrgid_r(id, &group, room, ENTRY_SIZE, &has_group) == 0 && has_group) found = group.gr_name;
    } else {
        if (getpwuid_r(id, &user, room, ENTRY_SIZE, &has_user) == 0 && has_user) found = user.pw_name;
    }
    size_t length = found ? strlen(found) : 0;
    if (length > size) length = 0;
    if (length > 0) memcpy(name, found, length);
    free(room);
    return length;
}

int64_t ferry_account_id(const char *name, int is_group) {
    char *room = malloc(ENTRY_SIZE);
    if (!room) return -1;
    int64_t found = -1;
    struct passwd user, *has_user = NULL;
    struct group group, *has_group = NULL;
    if (is_group) {
        if (getgrnam_r(name, &group, room, ENTRY_SIZE, &has_group) == 0 && has_group) found = group.gr_gid;
    } else {
        if (getpwnam_r(name, &user, room, ENTRY_SIZE, &has_user) == 0 && has_user) found = user.pw_uid;
    }
    free(room);
    return found;
}
