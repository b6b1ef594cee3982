// What a file has besides its content: extended attributes, and the names of its owners.
// Each returns its result, or the negated errno.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// Extended attributes of `name` in `directory`, of a symbolic link itself; of the open file `directory` where the name is
/// empty. listxattrat(2) and its like (Linux 6.13), else by way of /proc.
long ferry_listxattr(int directory, const char *name, char *list, size_t size);
long ferry_getxattr(int directory, const char *name, const char *attribute, void *value, size_t size);
int ferry_setxattr(int directory, const char *name, const char *attribute, const void *value, size_t size);
int ferry_removexattr(int directory, const char *name, const char *attribute);

/// Whether this process may give files away and reach them afterwards (CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE).
int ferry_may_give_away(void);

/// Whether it may write attributes of the name space `trusted.` (CAP_SYS_ADMIN).
int ferry_may_trust(void);

/// The name of a user or group; returns its length, 0 if the number has none, or if that is longer than `size`.
size_t ferry_account_name(uint32_t id, int is_group, char *name, size_t size);

/// The number of a user or group; -1 if there is none.
int64_t ferry_account_id(const char *name, int is_group);
