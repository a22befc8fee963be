/* Quantized weights in the order in which the kernels read them.

   Eight rows lie together, their bytes interleaved so that a vector holds four columns of each. They take about the bytes that
   they took before; the file's own pages are given back. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prsm_kernels.h"

#define GROUP PRSM_GROUP

struct prsm_weights {
  pthread_mutex_t mutex;
  struct prsm_packed *first;
};

prsm_weights *prsm_weights_make(void) {
  prsm_weights *weights = calloc(1, sizeof *weights);
  if (weights) pthread_mutex_init(&weights->mutex, NULL);
  return weights;
}

void prsm_weights_free(prsm_weights *weights) {
  if (!weights) return;
  for (struct prsm_packed *packed = weights->first; packed;) {
    struct prsm_packed *next = packed->next;
    free(packed->blocks);
    free(packed);
    packed = next;
  }
  pthread_mutex_destroy(&weights->mutex);
  free(weights);
}

/* Bytes of a half, exactly times a power of two. */
static uint16_t scaled_half(const uint8_t *from, float factor) {
  uint16_t half;
  memcpy(&half, from, sizeof half);
  return ggml_fp32_to_fp16(ggml_fp16_to_fp32(half) * factor);
}

static void put_half(uint8_t *to, int row, uint16_t value) { memcpy(to + row * 2, &value, 2); }

/* The low four bits of 32 columns of a row. */
static void put_low(uint8_t *to, int row, const uint8_t *values) {
  for (int column = 0; column < 16; column++)
    to[column / 4 * 32 + row * 4 + column % 4] = (uint8_t)((values[column] & 15) | (values[column + 16] & 15) << 4);
}

/* The fifth bit of column c in bit c/4 of the vector. */
static void put_fifth(uint8_t *to, int row, const uint8_t *values) {
  uint8_t bits[4] = {0};
  for (int column = 0; column < 32; column++) bits[column % 4] |= (uint8_t)((values[column] >> 4 & 1) << column / 4);
  memcpy(to + row * 4, bits, 4);
}

/* The fifth and sixth bits, four vectors of columns in each of two vectors. */
static void put_sixth(uint8_t *to, int row, const uint8_t *values) {
  uint8_t bits[2][4] = {{0}};
  for (int column = 0; column < 32; column++)
    bits[column / 16][column % 4] |= (uint8_t)((values[column] >> 4 & 3) << column / 4 % 4 * 2);
  memcpy(to + row * 4, bits[0], 4);
  memcpy(to + 32 + row * 4, bits[1], 4);
}

/* Scale and minimum of a part of 32 columns (ggml's get_scale_min_k4 packs them so). */
static void scale_and_minimum(const uint8_t *scales, int part, uint8_t *scale, uint8_t *minimum) {
  if (part < 4) {
    *scale = scales[part] & 63;
    *minimum = scales[part + 4] & 63;
  } else {
    *scale = (uint8_t)((scales[part + 4] & 15) | (scales[part - 4] >> 6) << 4);
    *minimum = (uint8_t)((scales[part + 4] >> 4) | (scales[part] >> 6) << 4);
  }
}

/* One row's block of ggml's (ggml-common.h) into its place among the eight. */
typedef void place_row(const uint8_t *from, int row, uint8_t *to);

static void place_q4_0(const uint8_t *from, int row, uint8_t *to) {
  put_half(to, row, scaled_half(from, 1));
  put_half(to + 16, row, scaled_half(from, -8));
  for (int vector = 0; vector < 4; vector++) memcpy(to + 32 + vector * 32 + row * 4, from + 2 + vector * 4, 4);
}

static void place_q4_1(const uint8_t *from, int row, uint8_t *to) {
  memcpy(to + row * 2, from, 2);
  memcpy(to + 16 + row * 2, from + 2, 2);
  for (int vector = 0; vector < 4; vector++) memcpy(to + 32 + vector * 32 + row * 4, from + 4 + vector * 4, 4);
}

static void place_five(const uint8_t *high, const uint8_t *low, int row, uint8_t *to) {
  uint32_t bits;
  memcpy(&bits, high, sizeof bits);
  uint8_t values[32];
  for (int column = 0; column < 16; column++) {
    values[column] = (uint8_t)((low[column] & 15) | (bits >> column & 1) << 4);
    values[column + 16] = (uint8_t)((low[column] >> 4) | (bits >> (column + 16) & 1) << 4);
  }
  put_low(to + 32, row, values);
  put_fifth(to + 160, row, values);
}

static void place_q5_0(const uint8_t *from, int row, uint8_t *to) {
  put_half(to, row, scaled_half(from, 1));
  put_half(to + 16, row, scaled_half(from, -16));
  place_five(from + 2, from + 6, row, to);
}

static void place_q5_1(const uint8_t *from, int row, uint8_t *to) {
  put_half(to, row, scaled_half(from, 1));
  put_half(to + 16, row, scaled_half(from + 2, 1));
  place_five(from + 4, from + 8, row, to);
}

static void place_q8_0(const uint8_t *from, int row, uint8_t *to) {
  memcpy(to + row * 2, from, 2);
  for (int vector = 0; vector < 8; vector++) memcpy(to + 16 + vector * 32 + row * 4, from + 2 + vector * 4, 4);
}

static void place_q4_k(const uint8_t *from, int row, uint8_t *to) {
  put_half(to, row, scaled_half(from, 1));
  put_half(to + 16, row, scaled_half(from + 2, 1));
  for (int part = 0; part < 8; part++) {
    uint8_t *own = to + 32 + part * 144, values[32];
    const uint8_t *low = from + 16 + part / 2 * 32;
    for (int column = 0; column < 32; column++) values[column] = part % 2 ? low[column] >> 4 : low[column] & 15;
    scale_and_minimum(from + 4, part, own + row, own + 8 + row);
    put_low(own + 16, row, values);
  }
}

static void place_q5_k(const uint8_t *from, int row, uint8_t *to) {
  put_half(to, row, scaled_half(from, 1));
  put_half(to + 16, row, scaled_half(from + 2, 1));
  for (int part = 0; part < 8; part++) {
    uint8_t *own = to + 32 + part * 176, values[32];
    const uint8_t *low = from + 48 + part / 2 * 32, *high = from + 16;
    for (int column = 0; column < 32; column++)
      values[column] = (uint8_t)((part % 2 ? low[column] >> 4 : low[column] & 15) | (high[column] >> part & 1) << 4);
    scale_and_minimum(from + 4, part, own + row, own + 8 + row);
    put_low(own + 16, row, values);
    put_fifth(own + 144, row, values);
  }
}

static void place_q6_k(const uint8_t *from, int row, uint8_t *to) {
  put_half(to, row, scaled_half(from + 208, 1));
  for (int part = 0; part < 8; part++) {
    uint8_t *own = to + 16 + part * 208, values[32];
    const uint8_t *low = from + part / 4 * 64 + part % 2 * 32, *high = from + 128 + part / 4 * 32;
    for (int column = 0; column < 32; column++) {
      const uint8_t four = part % 4 < 2 ? low[column] & 15 : low[column] >> 4;
      values[column] = (uint8_t)(four | (high[column] >> part % 4 * 2 & 3) << 4);
    }
    memcpy(own + row, from + 192 + part * 2, 1);
    memcpy(own + 8 + row, from + 192 + part * 2 + 1, 1);
    put_low(own + 16, row, values);
    put_sixth(own + 144, row, values);
  }
}

static place_row *placing(enum ggml_type type, enum prsm_kind *kind) {
  switch (type) {
  case GGML_TYPE_Q4_0: *kind = PRSM_FOUR; return place_q4_0;
  case GGML_TYPE_Q4_1: *kind = PRSM_FOUR; return place_q4_1;
  case GGML_TYPE_Q5_0: *kind = PRSM_FIVE; return place_q5_0;
  case GGML_TYPE_Q5_1: *kind = PRSM_FIVE; return place_q5_1;
  case GGML_TYPE_Q8_0: *kind = PRSM_EIGHT; return place_q8_0;
  case GGML_TYPE_Q4_K: *kind = PRSM_FOUR_K; return place_q4_k;
  case GGML_TYPE_Q5_K: *kind = PRSM_FIVE_K; return place_q5_k;
  case GGML_TYPE_Q6_K: *kind = PRSM_SIX_K; return place_q6_k;
  default: return NULL;
  }
}

/* The file's pages are read again if anything but a product wants them. */
static void release_pages(const struct ggml_tensor *tensor) {
  if (strcmp(ggml_backend_buft_name(ggml_backend_buffer_get_type(tensor->buffer)), "CPU_Mapped") != 0) return;
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)tensor->data;
  const uintptr_t first = (start + page - 1) / page * page, end = (start + ggml_nbytes(tensor)) / page * page;
  if (end > first) madvise((void *)first, end - first, MADV_DONTNEED);
}

static struct prsm_packed *pack(const struct ggml_tensor *tensor, place_row *place, enum prsm_kind kind) {
  const int64_t block = ggml_blck_size(tensor->type), blocks = tensor->ne[0] / block, groups = tensor->ne[1] / GROUP;
  const size_t size = prsm_block_size(kind), bytes = ggml_type_size(tensor->type);
  struct prsm_packed *packed = calloc(1, sizeof *packed);
  uint8_t *to = packed ? aligned_alloc(64, prsm_aligned((size_t)(groups * blocks) * size)) : NULL;
  if (!to) {
    free(packed);
    return NULL;
  }
  packed->kind = kind;
  packed->blocks = to;
  for (int64_t group = 0; group < groups; group++)
    for (int64_t index = 0; index < blocks; index++, to += size)
      for (int row = 0; row < GROUP; row++)
        place((const uint8_t *)tensor->data + (size_t)(group * GROUP + row) * tensor->nb[1] + (size_t)index * bytes, row, to);
  return packed;
}

void prsm_pack(prsm_weights *weights, struct ggml_tensor *product) {
  struct ggml_tensor *tensor = product->src[0];
  enum prsm_kind kind;
  place_row *place = placing(tensor->type, &kind);
  if (!place || !prsm_has_kernels() || tensor->view_src || !tensor->buffer) return;
  if (!ggml_backend_buffer_is_host(tensor->buffer)) return;
  if (ggml_backend_buffer_get_usage(tensor->buffer) != GGML_BACKEND_BUFFER_USAGE_WEIGHTS) return;
  if (tensor->ne[2] != 1 || tensor->ne[3] != 1 || tensor->ne[1] % GROUP != 0) return;
  pthread_mutex_lock(&weights->mutex);
  if (!tensor->extra) {
    struct prsm_packed *packed = pack(tensor, place, kind);
    if (packed) {
      packed->next = weights->first;
      weights->first = packed;
      release_pages(tensor);
      tensor->extra = packed;
    }
  }
  pthread_mutex_unlock(&weights->mutex);
}

const struct prsm_packed *prsm_packed_of(const struct ggml_tensor *tensor) {
  enum prsm_kind kind;
  const struct prsm_packed *packed = tensor->extra;
  return packed && placing(tensor->type, &kind) && packed->kind == kind ? packed : NULL;
}
