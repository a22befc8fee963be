/* A module needs one source file; everything is in llama.cpp's static libraries. */
#include "CLlama.h"
