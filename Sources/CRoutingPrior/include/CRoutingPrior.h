#ifndef CROUTINGPRIOR_H
#define CROUTINGPRIOR_H

#include <stddef.h>

/// What routing learned beforehand, embedded in the program: the file `prior.prsm` beside this target's source, written by
/// `prsm route train-prior`.

/// Its bytes.
const unsigned char *routing_prior_bytes(void);
/// Its length in bytes.
size_t routing_prior_length(void);

#endif
