#ifndef PRSM_CLLAMA_H
#define PRSM_CLLAMA_H

/* llama.cpp's own headers, from where `make setup` installed them. */
#include <ggml.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <llama.h>

#include "prsm_compute.h"
#include "prsm_grammar.h"
#include "prsm_sampling.h"

#endif
