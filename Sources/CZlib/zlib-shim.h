#ifndef PRSM_ZLIB_SHIM_H
#define PRSM_ZLIB_SHIM_H
#include <zlib.h>
#endif
