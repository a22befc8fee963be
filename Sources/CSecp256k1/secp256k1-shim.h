#ifndef PRSM_SECP256K1_SHIM_H
#define PRSM_SECP256K1_SHIM_H
#include <secp256k1.h>

/* The context that checking needs, which never changes. (The library's variable is one that could be assigned to.) */
static inline const secp256k1_context *prsm_secp256k1_context(void) { return secp256k1_context_static; }
#endif
