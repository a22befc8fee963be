#define _GNU_SOURCE
#include "CStoreFile.h"

#include <fcntl.h>

#ifdef __linux__
void store_file_begin_writeback(int descriptor, uint64_t offset, uint64_t count) {
  (void)sync_file_range(descriptor, (off_t)offset, (off_t)count, SYNC_FILE_RANGE_WRITE);
}

int store_file_reserve(int descriptor, uint64_t offset, uint64_t count) {
  return fallocate(descriptor, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)count);
}
#else
void store_file_begin_writeback(int descriptor, uint64_t offset, uint64_t count) {}

int store_file_reserve(int descriptor, uint64_t offset, uint64_t count) { return 0; }
#endif
