#ifndef CPLAYGROUND_H
#define CPLAYGROUND_H

#include <stddef.h>

/// The files of Sources/Gateway/Playground, embedded in the program. Indices run from 0.

/// How many files there are.
size_t playground_count(void);
/// A file's name, without its folder; NULL past the end.
const char *playground_name(size_t index);
/// A file's bytes; NULL past the end.
const unsigned char *playground_bytes(size_t index);
/// A file's length in bytes; 0 past the end.
size_t playground_length(size_t index);

#endif
