// What Linux's C library declares only for _GNU_SOURCE, which Swift's Glibc module does not see.
#ifndef ALORA_CLINUX_H
#define ALORA_CLINUX_H

#ifdef __linux__
// Begins or waits for writing back part of a file (sync_file_range(2)); the flag 2 begins.
#define ALORA_SYNC_FILE_RANGE_WRITE 2u
extern int sync_file_range(int descriptor, long long offset, long long count, unsigned int flags);
#endif

#endif
