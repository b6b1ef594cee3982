// Linux system calls that the C library's Swift module does not show.
// Each returns its result, or the negated errno: a caller never reads the thread's errno.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Flags that glibc hides behind _GNU_SOURCE, taken from the headers because they differ between processors.
extern const uint64_t ferry_o_path;
extern const uint64_t ferry_o_directory;
extern const uint64_t ferry_o_nofollow;
extern const uint64_t ferry_o_cloexec;
extern const uint64_t ferry_o_tmpfile;
extern const uint64_t ferry_resolve_beneath;
extern const uint64_t ferry_resolve_no_magiclinks;
extern const uint64_t ferry_resolve_no_symlinks;
extern const long ferry_utime_omit;
extern const int ferry_seek_data;
extern const int ferry_seek_hole;
extern const int ferry_at_empty_path;

/// openat2(2): `mode` must be 0 unless `flags` create a file.
int ferry_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);

/// Opens /dev/null for those of 0, 1 and 2 that are closed, the other way round, so that using them still fails: else the next
/// file that is opened would be read as input, or get what is printed.
void ferry_fill_standard_descriptors(void);

/// getdents64(2) into `buffer`; 0 at the end of the directory.
long ferry_getdents64(int directory, void *buffer, size_t size);

/// sync_file_range(2) with SYNC_FILE_RANGE_WRITE: starts writing dirty pages back and does not wait for it.
int ferry_start_writeback(int descriptor, int64_t offset, int64_t count);

/// fallocate(2) with FALLOC_FL_PUNCH_HOLE: `count` bytes at `offset` become zeros that take no space.
int ferry_punch_hole(int descriptor, int64_t offset, int64_t count);

/// linkat(2): gives the file of `descriptor`, which may have no name yet, the name `name` in `directory`. Before Linux 6.10 that
/// needs /proc, or CAP_DAC_READ_SEARCH.
int ferry_link_descriptor(int descriptor, int directory, const char *name);

/// syncfs(2): makes durable what was written to the descriptor's file system.
int ferry_syncfs(int descriptor);

/// posix_spawn_file_actions_addclosefrom_np(3) (glibc 2.34): the new program gets no descriptor from `first` on. Returns 0 or
/// an errno; `actions` is a posix_spawn_file_actions_t.
int ferry_spawn_close_from(void *actions, int first);

/// Raises the number of files that the process may have open to what it may raise it to (RLIMIT_NOFILE); each connection is
/// one. Shells give 1024, with a ceiling of many more.
void ferry_raise_file_limit(void);

/// Opens the file of `descriptor` once more, for writing past the page cache (O_DIRECT). Needs /proc.
int ferry_reopen_direct(int descriptor);

/// Opens the file of `descriptor` once more, for reading past the page cache where the file system has that. Needs /proc.
int ferry_reopen_reading(int descriptor);

/// What kind of file system a file is on: a number of linux/magic.h, or 0 if that is not known.
uint32_t ferry_file_system(int descriptor);

/// Has `descriptor` go through the page cache from here on; 0 if it does already.
int ferry_stop_direct(int descriptor);
