// Calls of Linux that Swift's view of the C library leaves out. Elsewhere they do nothing.
#ifndef CSTOREFILE_H
#define CSTOREFILE_H

#include <stdint.h>

// Lets the disk begin with what was written to a stretch of a file, without waiting for it (sync_file_range(2)).
void store_file_begin_writeback(int descriptor, uint64_t offset, uint64_t count);

// Sets room aside behind the end of a file, whose size stays as it is (fallocate(2)). Gives 0, or -1 where there is none.
int store_file_reserve(int descriptor, uint64_t offset, uint64_t count);

#endif
