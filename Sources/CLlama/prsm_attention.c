/* Attention of a few rows over a cache that many sequences share, such that each row's result depends on that row and its own
   cells alone, to the last bit: not on the other rows of the batch, not on where its cells lie, not on the number of threads.

   ggml has three ways to compute the same thing and picks one by the shape of the batch; their sums differ in the last bits.
   All of them also sum in the order of the cache, and llama.cpp fills holes wherever they are, so that a sequence's cells come
   in another order once others have ended.

   Here a row's cells are listed by position first. They are taken in blocks of BLOCK from the list's beginning, so that the
   grouping of its sums follows from the list alone (online softmax: Milakov and Gimelshein, arXiv 1805.02867). Rows whose
   lists begin alike, as those of one prompt do, share the work of reading the cache. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prsm_kernels.h"

#define BLOCK 32
#define LANES 8
/* The most queries (rows times heads of one group) that share a block of the cache. */
#define QUERIES 24
#define GREATEST_DIMENSION 512

typedef float floats __attribute__((ext_vector_type(LANES)));
typedef int32_t ints __attribute__((ext_vector_type(LANES)));
typedef _Float16 halves __attribute__((ext_vector_type(LANES)));

static inline floats load(const float *from) {
  floats value;
  memcpy(&value, from, sizeof value);
  return value;
}

static inline void store(float *to, floats value) { memcpy(to, &value, sizeof value); }

static inline floats load_halves(const void *from) {
  halves value;
  memcpy(&value, from, sizeof value);
  return __builtin_convertvector(value, floats);
}

static inline float half_to_float(uint16_t bits) {
  _Float16 value;
  memcpy(&value, &bits, sizeof value);
  return (float)value;
}

/* exp(x) for x <= 0, to about 2e-7 relative; 0 below -87. */
static inline floats exponential(floats x) {
  const floats clamped = __builtin_elementwise_max(x, (floats)-87.0f);
  /* Adding and taking away 1.5 * 2^23 rounds to the nearest integer. */
  const floats shifted = clamped * 1.44269504088896341f + 12582912.0f;
  const floats whole = shifted - 12582912.0f;
  const floats rest = (clamped - whole * 0.693145751953125f) - whole * 1.42860682030941723e-6f;
  floats sum = (floats)(1.0f / 720.0f);
  sum = sum * rest + 1.0f / 120.0f;
  sum = sum * rest + 1.0f / 24.0f;
  sum = sum * rest + 1.0f / 6.0f;
  sum = sum * rest + 0.5f;
  sum = sum * rest + 1.0f;
  sum = sum * rest + 1.0f;
  const ints bits = (__builtin_convertvector(whole, ints) + 127) << 23;
  floats power;
  memcpy(&power, &bits, sizeof power);
  const floats result = sum * power;
  return x < -87.0f ? (floats)0.0f : result;
}

#define FIRST(a, b) __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define SECOND(a, b) __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define FIRST_PAIRS(a, b) __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13)
#define SECOND_PAIRS(a, b) __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15)
#define FIRST_FOURS(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define SECOND_FOURS(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15)

/* Eight sums, each of the lanes of one vector in the same order. */
static inline floats sums_of(const floats in[8]) {
  const floats a = FIRST(in[0], in[1]) + SECOND(in[0], in[1]), b = FIRST(in[2], in[3]) + SECOND(in[2], in[3]);
  const floats c = FIRST(in[4], in[5]) + SECOND(in[4], in[5]), d = FIRST(in[6], in[7]) + SECOND(in[6], in[7]);
  const floats ab = FIRST_PAIRS(a, b) + SECOND_PAIRS(a, b), cd = FIRST_PAIRS(c, d) + SECOND_PAIRS(c, d);
  return FIRST_FOURS(ab, cd) + SECOND_FOURS(ab, cd);
}

static inline float greatest_of(floats value) {
  floats other = __builtin_elementwise_max(value, __builtin_shufflevector(value, value, 4, 5, 6, 7, 0, 1, 2, 3));
  other = __builtin_elementwise_max(other, __builtin_shufflevector(other, other, 2, 3, 0, 1, 6, 7, 4, 5));
  return other[0] > other[1] ? other[0] : other[1];
}

static inline float sum_of(floats value) {
  floats other = value + __builtin_shufflevector(value, value, 4, 5, 6, 7, 0, 1, 2, 3);
  other = other + __builtin_shufflevector(other, other, 2, 3, 0, 1, 6, 7, 4, 5);
  return other[0] + other[1];
}

/* What a thread works with. */
struct room {
  float *keys;     /* BLOCK cells */
  float *values;   /* BLOCK cells */
  float *queries;  /* QUERIES times the key dimension, scaled */
  float *sums;     /* QUERIES times the value dimension */
  uint64_t *marks; /* for each row of a chunk, a bit for each cell that it sees */
  int32_t *list;   /* the cells of the row that sees the most, by position */
};

struct layout {
  size_t keys, values, queries, sums, marks, list;
};

static struct layout layout_of(const struct ggml_tensor *attention) {
  const struct ggml_tensor *k = attention->src[1], *v = attention->src[2];
  return (struct layout){
    prsm_aligned((size_t)(BLOCK * k->ne[0]) * sizeof(float)),
    prsm_aligned((size_t)(BLOCK * v->ne[0]) * sizeof(float)),
    prsm_aligned((size_t)(QUERIES * k->ne[0]) * sizeof(float)),
    prsm_aligned((size_t)(QUERIES * v->ne[0]) * sizeof(float)),
    prsm_aligned((size_t)(QUERIES * ((k->ne[1] + 63) / 64)) * sizeof(uint64_t)),
    prsm_aligned((size_t)(k->ne[1] + BLOCK) * sizeof(int32_t)),
  };
}

static size_t size_of(struct layout layout) {
  return layout.keys + layout.values + layout.queries + layout.sums + layout.marks + layout.list;
}

static struct room room_at(char *place, struct layout layout) {
  struct room room;
  room.keys = (float *)place;
  room.values = (float *)(place += layout.keys);
  room.queries = (float *)(place += layout.values);
  room.sums = (float *)(place += layout.queries);
  room.marks = (uint64_t *)(place += layout.sums);
  room.list = (int32_t *)(place += layout.marks);
  return room;
}

/* A bit for each cell whose mask is not minus infinity. True where all of these are zero. */
static bool mark(const uint16_t *mask, int64_t cells, uint64_t *marks) {
  uint64_t bits = 0;
  uint16_t any = 0;
  for (int64_t index = 0; index < cells; index++) {
    const bool sees = mask[index] != 0xFC00;
    bits |= (uint64_t)sees << index;
    any |= sees ? mask[index] : 0;
  }
  *marks = bits;
  return (any & 0x7FFF) == 0;
}

/* Most rows see nothing of most of the cache: 64 cells are looked at together where all of them are hidden. */
static bool mark_all(const uint16_t *mask, int64_t cells, uint64_t *marks) {
  const uint64_t hidden = 0xFC00FC00FC00FC00;
  bool zero = true;
  for (int64_t word = 0; word * 64 < cells; word++) {
    const uint16_t *from = mask + word * 64;
    if (cells - word * 64 < 64) return mark(from, cells - word * 64, marks + word) && zero;
    uint64_t others = 0, anything = 0;
    for (int part = 0; part < 16; part++) {
      uint64_t four;
      memcpy(&four, from + part * 4, sizeof four);
      others |= four ^ hidden;
      anything |= four;
    }
    if (others == 0) {
      marks[word] = 0;
    } else if (anything == 0) {
      marks[word] = ~(uint64_t)0;
    } else {
      zero = mark(from, 64, marks + word) && zero;
    }
  }
  return zero;
}

static int64_t count_marks(const uint64_t *marks, int64_t words) {
  int64_t count = 0;
  for (int64_t word = 0; word < words; word++) count += __builtin_popcountll(marks[word]);
  return count;
}

/* The position of a cell; its place where positions are not known. */
static inline int32_t position(const struct prsm_positions *table, int64_t cell) {
  return table ? table->values[cell] : (int32_t)cell;
}

struct span {
  int32_t first, last;
};

static struct span span_of(const uint64_t *marks, int64_t words, const struct prsm_positions *table) {
  struct span span = {INT32_MAX, INT32_MIN};
  for (int64_t word = 0; word < words; word++)
    for (uint64_t bits = marks[word]; bits != 0; bits &= bits - 1) {
      const int32_t own = position(table, word * 64 + __builtin_ctzll(bits));
      if (own < span.first) span.first = own;
      if (own > span.last) span.last = own;
    }
  return span;
}

/* Whether `later` sees all that `earlier` sees, and beyond that only positions behind the last that it sees. Widens the span
   to what `later` sees. */
static bool continues(
    const uint64_t *earlier, const uint64_t *later, int64_t words, struct span *span, const struct prsm_positions *table) {
  int32_t last = span->last;
  for (int64_t word = 0; word < words; word++) {
    if ((earlier[word] & ~later[word]) != 0) return false;
    for (uint64_t bits = later[word] & ~earlier[word]; bits != 0; bits &= bits - 1) {
      const int32_t own = position(table, word * 64 + __builtin_ctzll(bits));
      if (own <= span->last) return false;
      if (own > last) last = own;
    }
  }
  span->last = last;
  return true;
}

struct place {
  int32_t position, cell;
};

static int by_position(const void *left, const void *right) {
  const struct place *a = left, *b = right;
  if (a->position != b->position) return a->position < b->position ? -1 : 1;
  return a->cell < b->cell ? -1 : a->cell > b->cell;
}

/* Cells whose positions have gaps or repeat. */
static void sort_marks(
    const uint64_t *marks, int64_t words, const struct prsm_positions *table, int64_t count, int32_t *list) {
  struct place *places = malloc((size_t)count * sizeof *places);
  if (!places) abort();
  int64_t index = 0;
  for (int64_t word = 0; word < words; word++)
    for (uint64_t bits = marks[word]; bits != 0; bits &= bits - 1, index++) {
      const int32_t cell = (int32_t)(word * 64 + __builtin_ctzll(bits));
      places[index] = (struct place){position(table, cell), cell};
    }
  qsort(places, (size_t)count, sizeof *places, by_position);
  for (index = 0; index < count; index++) list[index] = places[index].cell;
  free(places);
}

/* The cells by position. */
static void list_marks(
    const uint64_t *marks, int64_t words, const struct prsm_positions *table, int64_t count, struct span span,
    int32_t *list) {
  if (count == 0) return;
  /* A sequence has each position once, so that each has its place. */
  if ((int64_t)span.last - span.first + 1 == count) {
    for (int64_t index = 0; index < count; index++) list[index] = -1;
    for (int64_t word = 0; word < words; word++)
      for (uint64_t bits = marks[word]; bits != 0; bits &= bits - 1) {
        const int32_t cell = (int32_t)(word * 64 + __builtin_ctzll(bits));
        list[position(table, cell) - span.first] = cell;
      }
    int32_t any = 0;
    for (int64_t index = 0; index < count; index++) any |= list[index];
    if (any >= 0) return;
  }
  sort_marks(marks, words, table, count, list);
}

/* Reads a block of the cache; what is missing in it becomes zero. */
static void read_block(
    const struct ggml_tensor *k, const struct ggml_tensor *v, int64_t head, const int32_t *cells, int count,
    const struct room *room) {
  const int64_t dimension_k = k->ne[0], dimension_v = v->ne[0];
  const char *keys = (const char *)k->data + head * (int64_t)k->nb[2];
  const char *values = (const char *)v->data + head * (int64_t)v->nb[2];
  for (int cell = 0; cell < count; cell++) {
    const char *from = keys + cells[cell] * (int64_t)k->nb[1];
    float *to = room->keys + cell * dimension_k;
    for (int64_t d = 0; d < dimension_k; d += LANES) store(to + d, load_halves(from + d * 2));
    from = values + cells[cell] * (int64_t)v->nb[1];
    to = room->values + cell * dimension_v;
    for (int64_t d = 0; d < dimension_v; d += LANES) store(to + d, load_halves(from + d * 2));
  }
  if (count < BLOCK) {
    memset(room->keys + count * dimension_k, 0, (size_t)((BLOCK - count) * dimension_k) * sizeof(float));
    memset(room->values + count * dimension_v, 0, (size_t)((BLOCK - count) * dimension_v) * sizeof(float));
  }
}

/* Asks for a block of the cache that is read soon: it lies wherever its cells do, and each takes a few hundred cycles to come. */
static void expect_block(
    const struct ggml_tensor *k, const struct ggml_tensor *v, int64_t head, const int32_t *cells, int64_t count) {
  const char *keys = (const char *)k->data + head * (int64_t)k->nb[2];
  const char *values = (const char *)v->data + head * (int64_t)v->nb[2];
  for (int64_t cell = 0; cell < count && cell < BLOCK; cell++) {
    const char *from = keys + cells[cell] * (int64_t)k->nb[1];
    for (int64_t byte = 0; byte < k->ne[0] * 2; byte += 64) __builtin_prefetch(from + byte);
    from = values + cells[cell] * (int64_t)v->nb[1];
    for (int64_t byte = 0; byte < v->ne[0] * 2; byte += 64) __builtin_prefetch(from + byte);
  }
}

/* The products of a query with the first `count` cells of a block, in whole vectors. */
static inline void score(const float *query, int64_t dimension, const float *keys, int count, float *scores) {
  for (int first = 0; first < count; first += LANES) {
    floats sums[LANES];
    for (int lane = 0; lane < LANES; lane++) sums[lane] = (floats)0.0f;
    const float *from = keys + first * dimension;
    for (int64_t d = 0; d < dimension; d += LANES) {
      const floats own = load(query + d);
      for (int lane = 0; lane < LANES; lane++) sums[lane] += own * load(from + lane * dimension + d);
    }
    store(scores + first, sums_of(sums));
  }
}

/* Adds the first `count` of a block's values, weighed, to a query's sums. */
static inline void add_values(
    const float *weights, const float *values, int64_t dimension, int count, float *sums, float scale) {
  int64_t d = 0;
  for (; d + 8 * LANES <= dimension; d += 8 * LANES) {
    floats sum[8];
    for (int part = 0; part < 8; part++) sum[part] = load(sums + d + part * LANES) * scale;
    for (int cell = 0; cell < count; cell++) {
      const floats weight = (floats)weights[cell];
      const float *from = values + cell * dimension + d;
      for (int part = 0; part < 8; part++) sum[part] += weight * load(from + part * LANES);
    }
    for (int part = 0; part < 8; part++) store(sums + d + part * LANES, sum[part]);
  }
  for (; d < dimension; d += LANES) {
    floats sum = load(sums + d) * scale;
    for (int cell = 0; cell < count; cell++) sum += (floats)weights[cell] * load(values + cell * dimension + d);
    store(sums + d, sum);
  }
}

struct state {
  float greatest, total;
};

/* Takes a block's scores into a query's sums. Scores past `count` do not count. */
static inline void take_block(
    float *scores, int count, const float *values, int64_t dimension, float *sums, struct state *state) {
  for (int cell = count; cell < BLOCK; cell++) scores[cell] = -INFINITY;
  floats greatest = load(scores);
  for (int part = 1; part < BLOCK / LANES; part++)
    greatest = __builtin_elementwise_max(greatest, load(scores + part * LANES));
  const float own = greatest_of(greatest), next = own > state->greatest ? own : state->greatest;
  if (!(next > -INFINITY)) return;
  floats total = (floats)0.0f;
  for (int part = 0; part < BLOCK / LANES; part++) {
    const floats weight = exponential(load(scores + part * LANES) - next);
    store(scores + part * LANES, weight);
    total += weight;
  }
  const float scale = state->greatest > -INFINITY ? exponential((floats)(state->greatest - next))[0] : 0.0f;
  state->total = state->total * scale + sum_of(total);
  state->greatest = next;
  add_values(scores, values, dimension, count, sums, scale);
}

struct attention {
  const struct ggml_tensor *q, *k, *v, *mask;
  struct ggml_tensor *to;
  const struct prsm_positions *table;
  float scale, softcap;
};

/* Rows of a chunk: how many cells they see, and whether their masks hold more than that. */
struct sight {
  int64_t counts[QUERIES];
  bool has_values[QUERIES];
};

/* Rows that see the same beginning of one list, for the heads that share keys; the groups of heads up to `end_head` are
   next. */
static void attend_rows(
    const struct attention *a, const struct room *room, int64_t first_row, int rows, const int64_t *counts,
    const bool *has_values, int64_t head_k, int64_t end_head) {
  const int64_t dimension_k = a->k->ne[0], dimension_v = a->v->ne[0];
  const int heads = (int)(a->q->ne[2] / a->k->ne[2]), queries = rows * heads;
  struct state states[QUERIES];
  float scores[BLOCK];
  for (int query = 0; query < queries; query++) {
    const int64_t row = first_row + query / heads, head = head_k * heads + query % heads;
    const float *from =
        (const float *)((const char *)a->q->data + row * (int64_t)a->q->nb[1] + head * (int64_t)a->q->nb[2]);
    for (int64_t d = 0; d < dimension_k; d++) room->queries[query * dimension_k + d] = from[d] * a->scale;
    states[query] = (struct state){-INFINITY, 0};
  }
  memset(room->sums, 0, (size_t)(queries * dimension_v) * sizeof(float));
  const int64_t longest = counts[rows - 1];
  for (int64_t start = 0; start < longest; start += BLOCK) {
    const int64_t rest = longest - start;
    if (rest > BLOCK) {
      expect_block(a->k, a->v, head_k, room->list + start + BLOCK, rest - BLOCK);
    } else if (head_k + 1 < end_head) {
      expect_block(a->k, a->v, head_k + 1, room->list, longest);
    }
    read_block(a->k, a->v, head_k, room->list + start, (int)(rest < BLOCK ? rest : BLOCK), room);
    for (int query = 0; query < queries; query++) {
      const int row = query / heads;
      if (counts[row] <= start) continue;
      const int count = (int)(counts[row] - start < BLOCK ? counts[row] - start : BLOCK);
      score(room->queries + query * dimension_k, dimension_k, room->keys, count, scores);
      if (a->softcap != 0)
        for (int cell = 0; cell < count; cell++) scores[cell] = a->softcap * tanhf(scores[cell]);
      if (has_values[row]) {
        const uint16_t *mask =
            (const uint16_t *)((const char *)a->mask->data + (first_row + row) * (int64_t)a->mask->nb[1]);
        for (int cell = 0; cell < count; cell++) scores[cell] += half_to_float(mask[room->list[start + cell]]);
      }
      take_block(scores, count, room->values, dimension_v, room->sums + query * dimension_v, &states[query]);
    }
  }
  for (int query = 0; query < queries; query++) {
    const int64_t row = first_row + query / heads, head = head_k * heads + query % heads;
    const float inverse = states[query].total == 0 ? 0 : 1 / states[query].total;
    float *to = (float *)((char *)a->to->data + (head + row * a->to->ne[1]) * (int64_t)a->to->nb[1]);
    for (int64_t d = 0; d < dimension_v; d++) to[d] = room->sums[query * dimension_v + d] * inverse;
  }
}

/* The rows of a chunk for some groups of heads, in runs whose lists begin alike. */
static void attend_chunk(
    const struct attention *a, const struct room *room, int64_t first_row, int rows, int64_t first_head,
    int64_t end_head) {
  const int64_t cells = a->k->ne[1], words = (cells + 63) / 64;
  struct sight sight;
  for (int row = 0; row < rows; row++) {
    const char *mask = (const char *)a->mask->data + (first_row + row) * (int64_t)a->mask->nb[1];
    uint64_t *marks = room->marks + row * words;
    sight.has_values[row] = !mark_all((const uint16_t *)mask, cells, marks);
    sight.counts[row] = count_marks(marks, words);
  }
  for (int start = 0, end; start < rows; start = end) {
    struct span span = span_of(room->marks + start * words, words, a->table);
    end = start + 1;
    while (end < rows && sight.counts[start] > 0 &&
           continues(room->marks + (end - 1) * words, room->marks + end * words, words, &span, a->table))
      end++;
    list_marks(room->marks + (end - 1) * words, words, a->table, sight.counts[end - 1], span, room->list);
    expect_block(a->k, a->v, first_head, room->list, sight.counts[end - 1]);
    for (int64_t head = first_head; head < end_head; head++)
      attend_rows(
          a, room, first_row + start, end - start, sight.counts + start, sight.has_values + start, head, end_head);
  }
}

bool prsm_attends(const struct ggml_tensor *attention) {
  const struct ggml_tensor *q = attention->src[0], *k = attention->src[1], *v = attention->src[2];
  const struct ggml_tensor *mask = attention->src[3];
  float bias;
  memcpy(&bias, (const float *)attention->op_params + 1, sizeof bias);
  return mask && !attention->src[4] && q->type == GGML_TYPE_F32 && k->type == GGML_TYPE_F16 &&
         v->type == GGML_TYPE_F16 && mask->type == GGML_TYPE_F16 && bias == 0 && q->ne[3] == 1 && k->ne[3] == 1 &&
         mask->ne[2] == 1 && mask->ne[3] == 1 && k->ne[2] == v->ne[2] && q->ne[2] % k->ne[2] == 0 &&
         q->ne[2] / k->ne[2] <= QUERIES && k->ne[0] % LANES == 0 && v->ne[0] % LANES == 0 &&
         k->ne[0] <= GREATEST_DIMENSION && v->ne[0] <= GREATEST_DIMENSION && q->nb[0] == sizeof(float) &&
         k->nb[0] == 2 && v->nb[0] == 2;
}

size_t prsm_attend_size(int threads, const struct ggml_tensor *attention) {
  return size_of(layout_of(attention)) * (size_t)threads + 64;
}

void prsm_attend(const struct ggml_compute_params *params, struct ggml_tensor *attention) {
  struct attention a = {attention->src[0], attention->src[1], attention->src[2], attention->src[3], attention, NULL, 1, 0};
  a.table = prsm_positions_of(a.k);
  memcpy(&a.scale, (const float *)attention->op_params + 0, sizeof a.scale);
  memcpy(&a.softcap, (const float *)attention->op_params + 2, sizeof a.softcap);
  if (a.softcap != 0) a.scale /= a.softcap;
  const struct layout layout = layout_of(attention);
  const size_t size = size_of(layout);
  const struct room room = room_at((char *)prsm_aligned((size_t)params->wdata) + size * (size_t)params->ith, layout);

  /* As many rows together as share a block well, but so that every thread has some. */
  const int64_t rows = a.q->ne[1], groups = a.k->ne[2], heads = a.q->ne[2] / groups;
  int64_t chunk = rows / (2 * params->nth);
  if (chunk > QUERIES / heads) chunk = QUERIES / heads;
  if (chunk < 1) chunk = 1;
  const int64_t chunks = (rows + chunk - 1) / chunk;
  const int64_t parts = chunks < 2 * params->nth ? groups : 1;
  for (int64_t unit = params->ith; unit < chunks * parts; unit += params->nth) {
    const int64_t first = unit / parts * chunk, part = unit % parts;
    const int count = (int)(rows - first < chunk ? rows - first : chunk);
    attend_chunk(&a, &room, first, count, part * groups / parts, (part + 1) * groups / parts);
  }
}
