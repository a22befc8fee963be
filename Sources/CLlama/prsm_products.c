/* Products of a batch with quantized weights.

   ggml multiplies one row of weights with one row of the batch at a time for many types, and so takes the weights apart again
   for every row of the batch; for others it has faster ways that depend on the number of rows, and differ in the last bits.
   Here what is taken apart once serves four rows of the batch, and nothing is summed across a vector. A result is the sum over
   parts of 32 columns, from the first on, whatever the number of rows and threads. */
#include <string.h>

#include "prsm_kernels.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define HAS_KERNELS 1
#include <immintrin.h>
#endif

#define PART 32
#define GROUP PRSM_GROUP
/* The most rows of the batch that share what is taken apart. */
#define TOGETHER 4
/* Batches up to so many rows are quantized by each thread for itself, which costs less than waiting for each other. */
#define FEW_ROWS 3

/* 32 columns of a row of the batch: d * q, the sum of that, and the sum of its first half. */
struct quantized {
  int8_t q[PART];
  float d, sum, first;
};

bool prsm_has_kernels(void) {
#ifdef HAS_KERNELS
  return true;
#else
  return false;
#endif
}

size_t prsm_block_size(enum prsm_kind kind) {
  switch (kind) {
  case PRSM_FOUR: return 160;
  case PRSM_FIVE: return 192;
  case PRSM_EIGHT: return 272;
  case PRSM_FOUR_K: return 32 + 8 * 144;
  case PRSM_FIVE_K: return 32 + 8 * 176;
  case PRSM_SIX_K: return 16 + 8 * 208;
  default: return 0;
  }
}

bool prsm_multiplies(const struct ggml_tensor *product) {
  const struct ggml_tensor *batch = product->src[1];
  return prsm_packed_of(product->src[0]) && batch->type == GGML_TYPE_F32 && product->type == GGML_TYPE_F32 &&
         batch->ne[2] == 1 && batch->ne[3] == 1 && batch->nb[0] == sizeof(float) && product->nb[0] == sizeof(float);
}

static size_t batch_size(const struct ggml_tensor *batch) {
  return prsm_aligned((size_t)(batch->ne[1] * batch->ne[0] / PART) * sizeof(struct quantized));
}

size_t prsm_multiply_size(int threads, const struct ggml_tensor *product) {
  const struct ggml_tensor *batch = product->src[1];
  return batch_size(batch) * (size_t)(batch->ne[1] <= FEW_ROWS ? threads : 1) + 64;
}

#ifdef HAS_KERNELS

#define INLINE static inline __attribute__((always_inline))

INLINE float greatest_lane(__m256 value) {
  __m128 four = _mm_max_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
  four = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(four, _mm_movehdup_ps(four)));
}

INLINE int32_t sum_of_lanes(__m256i value) {
  __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1));
  sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xB1)));
}

static void quantize(const float *from, int64_t parts, struct quantized *to) {
  const __m256 positive = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
  for (int64_t part = 0; part < parts; part++, from += PART, to++) {
    __m256 value[4];
    __m256 greatest = _mm256_setzero_ps();
    for (int eight = 0; eight < 4; eight++) {
      value[eight] = _mm256_loadu_ps(from + eight * 8);
      greatest = _mm256_max_ps(greatest, _mm256_and_ps(value[eight], positive));
    }
    const float top = greatest_lane(greatest);
    const __m256 factor = _mm256_set1_ps(top > 0 ? 127.0f / top : 0);
    __m256i whole[4];
    for (int eight = 0; eight < 4; eight++) whole[eight] = _mm256_cvtps_epi32(_mm256_mul_ps(value[eight], factor));
    const int32_t first = sum_of_lanes(_mm256_add_epi32(whole[0], whole[1]));
    const int32_t second = sum_of_lanes(_mm256_add_epi32(whole[2], whole[3]));
    const __m256i bytes =
        _mm256_packs_epi16(_mm256_packs_epi32(whole[0], whole[1]), _mm256_packs_epi32(whole[2], whole[3]));
    const __m256i ordered = _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
    _mm256_storeu_si256((__m256i *)to->q, ordered);
    to->d = top / 127.0f;
    to->sum = to->d * (float)(first + second);
    to->first = to->d * (float)first;
  }
}

INLINE __m256i vector(const uint8_t *from) { return _mm256_loadu_si256((const __m256i *)from); }

/* Four columns of a row of the batch for each of eight rows of weights. */
INLINE __m256i four_of(const int8_t *from) {
  int32_t four;
  memcpy(&four, from, sizeof four);
  return _mm256_set1_epi32(four);
}

INLINE __m256 halves(const uint8_t *from) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from)); }

INLINE __m256 unsigned_bytes(const uint8_t *from) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)from)));
}

INLINE __m256 signed_bytes(const uint8_t *from) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)from)));
}

/* Bits of a vector moved to the left, or by a negative number to the right. */
INLINE __m256i moved(__m256i value, const int by) {
  return by >= 0 ? _mm256_slli_epi16(value, by) : _mm256_srli_epi16(value, -by);
}

/* Where in a block of eight rows a part of 32 columns lies. */
struct part {
  const uint8_t *block, *own, *low, *high;
};

INLINE struct part part_of(const enum prsm_kind kind, const uint8_t *blocks, int64_t index) {
  switch (kind) {
  case PRSM_FOUR: blocks += index * 160; return (struct part){blocks, blocks, blocks + 32, NULL};
  case PRSM_FIVE: blocks += index * 192; return (struct part){blocks, blocks, blocks + 32, blocks + 160};
  case PRSM_EIGHT: blocks += index * 272; return (struct part){blocks, blocks, blocks + 16, NULL};
  case PRSM_FOUR_K: {
    const uint8_t *block = blocks + index / 8 * (32 + 8 * 144), *own = block + 32 + index % 8 * 144;
    return (struct part){block, own, own + 16, NULL};
  }
  case PRSM_FIVE_K: {
    const uint8_t *block = blocks + index / 8 * (32 + 8 * 176), *own = block + 32 + index % 8 * 176;
    return (struct part){block, own, own + 16, own + 144};
  }
  default: {
    const uint8_t *block = blocks + index / 8 * (16 + 8 * 208), *own = block + 16 + index % 8 * 208;
    return (struct part){block, own, own + 16, own + 144};
  }
  }
}

/* Four columns of each of eight rows, the first bits of which lie in one vector with those 16 columns on. */
INLINE __m256i taken_apart(const enum prsm_kind kind, struct part part, const int index) {
  const __m256i low = _mm256_set1_epi8(15);
  const __m256i value = _mm256_and_si256(moved(vector(part.low + index % 4 * 32), index < 4 ? 0 : -4), low);
  if (kind == PRSM_FIVE || kind == PRSM_FIVE_K)
    return _mm256_or_si256(value, _mm256_and_si256(moved(vector(part.high), 4 - index), _mm256_set1_epi8(0x10)));
  if (kind == PRSM_SIX_K)
    return _mm256_or_si256(
        value,
        _mm256_and_si256(moved(vector(part.high + index / 4 * 32), 4 - index % 4 * 2), _mm256_set1_epi8(0x30)));
  return value;
}

/* Integer products of four columns after four columns, eight sums of 32 bits. `vectors` times four columns fit in 16 bits. */
INLINE void add_products(
    const enum prsm_kind kind, const int count, const int from, const int to, const int vectors, struct part part,
    const struct quantized *batch, int64_t parts, __m256i sums[TOGETHER]) {
  const __m256i ones = _mm256_set1_epi16(1);
  for (int row = 0; row < count; row++) sums[row] = _mm256_setzero_si256();
#pragma clang loop unroll(full)
  for (int first = from; first < to; first += vectors) {
    __m256i pairs[TOGETHER];
#pragma clang loop unroll(full)
    for (int index = first; index < first + vectors; index++) {
      const __m256i value = taken_apart(kind, part, index);
      for (int row = 0; row < count; row++) {
        const __m256i product = _mm256_maddubs_epi16(value, four_of(batch[row * parts].q + index * 4));
        pairs[row] = index == first ? product : _mm256_add_epi16(pairs[row], product);
      }
    }
    for (int row = 0; row < count; row++) sums[row] = _mm256_add_epi32(sums[row], _mm256_madd_epi16(pairs[row], ones));
  }
}

/* The same of weights with a sign. */
INLINE void add_signed(
    const int count, struct part part, const struct quantized *batch, int64_t parts, __m256i sums[TOGETHER]) {
  const __m256i ones = _mm256_set1_epi16(1);
  for (int row = 0; row < count; row++) sums[row] = _mm256_setzero_si256();
#pragma clang loop unroll(full)
  for (int index = 0; index < 8; index++) {
    const __m256i value = vector(part.low + index * 32), size = _mm256_abs_epi8(value);
    for (int row = 0; row < count; row++) {
      const __m256i own = _mm256_sign_epi8(four_of(batch[row * parts].q + index * 4), value);
      sums[row] = _mm256_add_epi32(sums[row], _mm256_madd_epi16(_mm256_maddubs_epi16(size, own), ones));
    }
  }
}

INLINE __m256 times(__m256i whole, __m256 d, float factor, __m256 sum) {
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), _mm256_mul_ps(d, _mm256_set1_ps(factor)), sum);
}

/* Eight rows of weights with `count` rows of the batch; how many go together changes nothing in any of them. */
INLINE void multiply_together(
    const enum prsm_kind kind, const int count, const uint8_t *blocks, int64_t parts, const struct quantized *batch,
    float *to, size_t stride) {
  __m256 sums[TOGETHER];
  for (int row = 0; row < count; row++) sums[row] = _mm256_setzero_ps();
  for (int64_t index = 0; index < parts; index++, batch++) {
    const struct part part = part_of(kind, blocks, index);
    __m256i whole[TOGETHER];
    if (kind == PRSM_EIGHT) {
      add_signed(count, part, batch, parts, whole);
      const __m256 d = halves(part.block);
      for (int row = 0; row < count; row++) sums[row] = times(whole[row], d, batch[row * parts].d, sums[row]);
    } else if (kind == PRSM_SIX_K) {
      const __m256 d = halves(part.block), offset = _mm256_set1_ps(-32);
      const __m256 first = _mm256_mul_ps(d, signed_bytes(part.own)), second = _mm256_mul_ps(d, signed_bytes(part.own + 8));
      const __m256 first_offset = _mm256_mul_ps(first, offset), second_offset = _mm256_mul_ps(second, offset);
      add_products(kind, count, 0, 4, 2, part, batch, parts, whole);
      for (int row = 0; row < count; row++) sums[row] = times(whole[row], first, batch[row * parts].d, sums[row]);
      add_products(kind, count, 4, 8, 2, part, batch, parts, whole);
      for (int row = 0; row < count; row++) {
        const struct quantized *own = batch + row * parts;
        sums[row] = times(whole[row], second, own->d, sums[row]);
        sums[row] = _mm256_fmadd_ps(first_offset, _mm256_set1_ps(own->first), sums[row]);
        sums[row] = _mm256_fmadd_ps(second_offset, _mm256_set1_ps(own->sum - own->first), sums[row]);
      }
    } else {
      __m256 d = halves(part.block), minimum = halves(part.block + 16);
      if (kind == PRSM_FOUR_K || kind == PRSM_FIVE_K) {
        d = _mm256_mul_ps(d, unsigned_bytes(part.own));
        minimum = _mm256_mul_ps(_mm256_sub_ps(_mm256_setzero_ps(), minimum), unsigned_bytes(part.own + 8));
      }
      add_products(kind, count, 0, 8, kind == PRSM_FOUR || kind == PRSM_FOUR_K ? 8 : 4, part, batch, parts, whole);
      for (int row = 0; row < count; row++) {
        const struct quantized *own = batch + row * parts;
        sums[row] = times(whole[row], d, own->d, sums[row]);
        sums[row] = _mm256_fmadd_ps(minimum, _mm256_set1_ps(own->sum), sums[row]);
      }
    }
  }
  for (int row = 0; row < count; row++) _mm256_storeu_ps((float *)((char *)to + (size_t)row * stride), sums[row]);
}

INLINE void multiply_rows(
    const enum prsm_kind kind, const uint8_t *blocks, int64_t parts, const struct quantized *batch, int64_t rows, float *to,
    size_t stride) {
  for (; rows >= TOGETHER; rows -= TOGETHER) {
    multiply_together(kind, TOGETHER, blocks, parts, batch, to, stride);
    batch += TOGETHER * parts;
    to = (float *)((char *)to + TOGETHER * stride);
  }
  switch (rows) {
  case 3: multiply_together(kind, 3, blocks, parts, batch, to, stride); break;
  case 2: multiply_together(kind, 2, blocks, parts, batch, to, stride); break;
  case 1: multiply_together(kind, 1, blocks, parts, batch, to, stride); break;
  default: break;
  }
}

void prsm_multiply(const struct ggml_compute_params *params, struct ggml_tensor *product) {
  const struct prsm_packed *packed = prsm_packed_of(product->src[0]);
  const struct ggml_tensor *batch = product->src[1];
  const int64_t rows = batch->ne[1], parts = batch->ne[0] / PART, groups = product->ne[0] / GROUP;
  char *room = (char *)prsm_aligned((size_t)params->wdata);
  const bool is_shared = rows > FEW_ROWS;
  if (!is_shared) room += batch_size(batch) * (size_t)params->ith;
  struct quantized *quantized = (struct quantized *)room;
  for (int64_t row = is_shared ? params->ith : 0; row < rows; row += is_shared ? params->nth : 1)
    quantize((const float *)((const char *)batch->data + (size_t)row * batch->nb[1]), parts, quantized + row * parts);
  if (is_shared) ggml_barrier(params->threadpool);
  const int64_t first = groups * params->ith / params->nth, end = groups * (params->ith + 1) / params->nth;
  const size_t bytes = (size_t)(product->src[0]->ne[0] / ggml_blck_size(product->src[0]->type)) * prsm_block_size(packed->kind);
  for (int64_t group = first; group < end; group++) {
    const uint8_t *blocks = (const uint8_t *)packed->blocks + (size_t)group * bytes;
    float *to = (float *)product->data + group * GROUP;
    switch (packed->kind) {
    case PRSM_FOUR: multiply_rows(PRSM_FOUR, blocks, parts, quantized, rows, to, product->nb[1]); break;
    case PRSM_FIVE: multiply_rows(PRSM_FIVE, blocks, parts, quantized, rows, to, product->nb[1]); break;
    case PRSM_EIGHT: multiply_rows(PRSM_EIGHT, blocks, parts, quantized, rows, to, product->nb[1]); break;
    case PRSM_FOUR_K: multiply_rows(PRSM_FOUR_K, blocks, parts, quantized, rows, to, product->nb[1]); break;
    case PRSM_FIVE_K: multiply_rows(PRSM_FIVE_K, blocks, parts, quantized, rows, to, product->nb[1]); break;
    default: multiply_rows(PRSM_SIX_K, blocks, parts, quantized, rows, to, product->nb[1]); break;
    }
  }
}

#else

void prsm_multiply(const struct ggml_compute_params *params, struct ggml_tensor *product) {
  (void)params;
  (void)product;
}

#endif
