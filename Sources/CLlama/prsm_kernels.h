/* What the kernels share. */
#ifndef PRSM_KERNELS_H
#define PRSM_KERNELS_H

#include <ggml-backend.h>
#include <ggml.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/prsm_compute.h"

/* ggml's own argument, which it keeps to itself: ggml-cpu-impl.h of the pinned version. */
struct ggml_compute_params {
  int ith, nth;
  size_t wsize;
  void *wdata;
  struct ggml_threadpool *threadpool;
  bool use_ref;
};

/* ggml's barrier among the threads of a computation. */
void ggml_barrier(struct ggml_threadpool *);

/* What hangs from a tensor's `extra`. */
enum prsm_kind {
  /* Weights of 4, 5 and 8 bits with scales (and minima, but for the last) for 32 columns. */
  PRSM_FOUR = 0x70727301,
  PRSM_FIVE,
  PRSM_EIGHT,
  /* The same of 4, 5 and 6 bits with scales of scales for 256 columns. */
  PRSM_FOUR_K,
  PRSM_FIVE_K,
  PRSM_SIX_K,
  PRSM_POSITIONS
};

/* Rows of weights that lie together. */
#define PRSM_GROUP 8

/* Weights in groups of eight rows. */
struct prsm_packed {
  enum prsm_kind kind;
  void *blocks;
  struct prsm_packed *next;
};

/* For each cell of a layer's cache its position, or -1 where that is unknown. */
struct prsm_positions {
  enum prsm_kind kind;
  int64_t count;
  struct prsm_positions *next;
  int32_t values[];
};

struct prsm_cells {
  struct prsm_positions *first;
};

/* Packs the weights of a product, where they are of a type that has a kernel. Called before the threads start. */
void prsm_pack(prsm_weights *weights, struct ggml_tensor *product);

/* The packed weights of a tensor; NULL where there are none. */
const struct prsm_packed *prsm_packed_of(const struct ggml_tensor *tensor);

/* Bytes of a block of eight rows, of 32 or 256 columns. */
size_t prsm_block_size(enum prsm_kind kind);

/* Whether the product is computed here, and the bytes of work space that it takes then. */
bool prsm_multiplies(const struct ggml_tensor *product);
size_t prsm_multiply_size(int threads, const struct ggml_tensor *product);
void prsm_multiply(const struct ggml_compute_params *params, struct ggml_tensor *product);

/* The same of attention. */
bool prsm_attends(const struct ggml_tensor *attention);
size_t prsm_attend_size(int threads, const struct ggml_tensor *attention);
void prsm_attend(const struct ggml_compute_params *params, struct ggml_tensor *attention);

/* The table of a cache's positions; NULL where there is none. `part` is the cache or a view of it. */
struct prsm_positions *prsm_positions_of(const struct ggml_tensor *part);

static inline size_t prsm_aligned(size_t size) { return (size + 63) & ~(size_t)63; }

#endif
