// What Linux's C library declares only for _GNU_SOURCE, which Swift's Glibc module does not see.
#ifndef ALORA_CLINUX_H
#define ALORA_CLINUX_H

#ifdef __linux__
// No headers of the system: types that they declare would belong to this module then.

// Begins or waits for writing back part of a file (sync_file_range(2)); the flag 2 begins.
#define ALORA_SYNC_FILE_RANGE_WRITE 2u
extern int sync_file_range(int descriptor, long long offset, long long count, unsigned int flags);

// O_TMPFILE of open(2): a file without a name, in the directory that is opened.
#if defined(__aarch64__) || defined(__arm__) || defined(__powerpc__)
static const int ALORA_O_TMPFILE = 020000000 | 040000;
#else
static const int ALORA_O_TMPFILE = 020000000 | 0200000;
#endif

// rename(2) that fails with EEXIST if the new path exists (renameat2(2) with RENAME_NOREPLACE, which not
// every C library wraps).
extern long syscall(long number, ...);
#if defined(__x86_64__)
#define ALORA_RENAMEAT2 316L
#elif defined(__i386__)
#define ALORA_RENAMEAT2 353L
#elif defined(__arm__)
#define ALORA_RENAMEAT2 382L
#elif defined(__powerpc__)
#define ALORA_RENAMEAT2 357L
#else
#define ALORA_RENAMEAT2 276L  // The table that newer ports share: aarch64, riscv64.
#endif
static inline int alora_rename_new(const char *from, const char *to) {
  const int current_directory = -100;
  return (int)syscall(ALORA_RENAMEAT2, current_directory, from, current_directory, to, 1u);
}
#endif

#endif
