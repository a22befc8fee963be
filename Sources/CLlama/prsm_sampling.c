#include "prsm_sampling.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Buckets of 1/32 below the greatest logit; the last takes whatever is 32 or more below it. */
#define BUCKETS 1024
#define BUCKETS_A_UNIT 32.0f

/* exp(x) for x <= 0, to about 2e-7 relative; 0 below -87. Written so that loops over it become vector code. */
static inline float fast_exp(float x) {
  const float clamped = x < -87.0f ? -87.0f : x;
  const float scaled = clamped * 1.44269504088896341f;
  const float whole = rintf(scaled);
  /* The rest in natural units, with ln 2 in two parts so that the product is exact enough. */
  const float rest = (clamped - whole * 0.693145751953125f) - whole * 1.42860682030941723e-6f;
  float sum = 1.0f / 720.0f;
  sum = sum * rest + 1.0f / 120.0f;
  sum = sum * rest + 1.0f / 24.0f;
  sum = sum * rest + 1.0f / 6.0f;
  sum = sum * rest + 0.5f;
  sum = sum * rest + 1.0f;
  sum = sum * rest + 1.0f;
  const int32_t bits = ((int32_t)whole + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof power);
  return x < -87.0f ? 0.0f : sum * power;
}

static float greatest_of(const float *logits, int32_t count) {
  float lanes[16];
  for (int lane = 0; lane < 16; lane++) lanes[lane] = -INFINITY;
  int32_t index = 0;
  for (; index + 16 <= count; index += 16)
    for (int lane = 0; lane < 16; lane++)
      lanes[lane] = logits[index + lane] > lanes[lane] ? logits[index + lane] : lanes[lane];
  float greatest = -INFINITY;
  for (; index < count; index++) greatest = logits[index] > greatest ? logits[index] : greatest;
  for (int lane = 0; lane < 16; lane++) greatest = lanes[lane] > greatest ? lanes[lane] : greatest;
  return greatest;
}

static float sum_exp(const float *logits, int32_t count, float greatest, float scale) {
  float lanes[16] = {0};
  int32_t index = 0;
  for (; index + 16 <= count; index += 16)
    for (int lane = 0; lane < 16; lane++) lanes[lane] += fast_exp((logits[index + lane] - greatest) * scale);
  double sum = 0;
  for (; index < count; index++) sum += fast_exp((logits[index] - greatest) * scale);
  for (int lane = 0; lane < 16; lane++) sum += lanes[lane];
  return (float)sum;
}

int32_t prsm_argmax(const float *logits, int32_t count) {
  const float greatest = greatest_of(logits, count);
  if (!(greatest > -INFINITY)) return -1;
  for (int32_t index = 0; index < count; index++)
    if (logits[index] == greatest) return index;
  return -1;
}

float prsm_log_sum_exp(const float *logits, int32_t count) {
  const float greatest = greatest_of(logits, count);
  if (!(greatest > -INFINITY)) return NAN;
  return greatest + logf(sum_exp(logits, count, greatest, 1.0f));
}

static int descending(const void *left, const void *right) {
  const prsm_candidate *a = left, *b = right;
  if (a->logit != b->logit) return a->logit > b->logit ? -1 : 1;
  return a->token < b->token ? -1 : a->token > b->token;
}

static inline int32_t bucket_of(float logit, float greatest) {
  const float distance = (greatest - logit) * BUCKETS_A_UNIT;
  /* A NaN fails the comparison and lands in the last bucket. */
  return distance < (float)(BUCKETS - 1) ? (int32_t)distance : BUCKETS - 1;
}

/* All candidates in the buckets up to `last`, unsorted. Tokens of negative infinity are left out. */
static int32_t collect(const float *logits, int32_t count, float greatest, int32_t last, prsm_candidate *result) {
  const float floor = last >= BUCKETS - 1 ? -INFINITY : greatest - (float)(last + 1) / BUCKETS_A_UNIT - 1e-3f;
  int32_t kept = 0;
  for (int32_t index = 0; index < count; index++) {
    if (!(logits[index] >= floor) || logits[index] == -INFINITY) continue;
    if (bucket_of(logits[index], greatest) > last) continue;
    result[kept].logit = logits[index];
    result[kept].token = index;
    kept++;
  }
  return kept;
}

static int32_t select_greatest(
    const float *logits, int32_t count, float greatest, int32_t wanted, prsm_candidate *result) {
  int32_t counts[BUCKETS] = {0};
  for (int32_t index = 0; index < count; index++) counts[bucket_of(logits[index], greatest)]++;
  int32_t last = 0, total = counts[0];
  while (last < BUCKETS - 1 && total < wanted) total += counts[++last];
  int32_t kept = collect(logits, count, greatest, last, result);
  qsort(result, (size_t)kept, sizeof *result, descending);
  return kept < wanted ? kept : wanted;
}

int32_t prsm_greatest(const float *logits, int32_t count, int32_t wanted, prsm_candidate *result) {
  if (wanted <= 0) return 0;
  int32_t kept = 0;
  for (int32_t index = 0; index < count; index++) {
    const float logit = logits[index];
    if (!(logit > -INFINITY) || (kept == wanted && !(logit > result[kept - 1].logit))) continue;
    int32_t place = kept < wanted ? kept++ : kept - 1;
    while (place > 0 && result[place - 1].logit < logit) {
      result[place] = result[place - 1];
      place--;
    }
    result[place].logit = logit;
    result[place].token = index;
  }
  return kept;
}

/* The smallest set with `mass` of the distribution, greatest first. */
static int32_t select_nucleus(const float *logits, int32_t count, float greatest, float mass, prsm_candidate *result) {
  float masses[BUCKETS] = {0};
  for (int32_t index = 0; index < count; index++)
    masses[bucket_of(logits[index], greatest)] += fast_exp(logits[index] - greatest);
  double total = 0;
  for (int bucket = 0; bucket < BUCKETS; bucket++) total += masses[bucket];
  const double target = total * mass;
  int32_t last = 0;
  double sum = masses[0];
  /* One bucket more than needed, so that rounding in the sums cannot lose a token. */
  while (last < BUCKETS - 1 && sum < target) sum += masses[++last];
  if (last < BUCKETS - 1) last++;
  const int32_t kept = collect(logits, count, greatest, last, result);
  qsort(result, (size_t)kept, sizeof *result, descending);
  sum = 0;
  for (int32_t index = 0; index < kept; index++) {
    sum += fast_exp(result[index].logit - greatest);
    if (sum >= target) return index + 1;
  }
  return kept;
}

static int32_t cut_nucleus(prsm_candidate *sorted, int32_t count, float mass) {
  double total = 0, sum = 0;
  for (int32_t index = 0; index < count; index++) total += fast_exp(sorted[index].logit - sorted[0].logit);
  for (int32_t index = 0; index < count; index++) {
    sum += fast_exp(sorted[index].logit - sorted[0].logit);
    if (sum >= total * mass) return index + 1;
  }
  return count;
}

/* Keeps the mass nearest to the expected surprise (arXiv 2202.00666, section 3). `sorted` stays sorted. */
static int32_t cut_typical(prsm_candidate *sorted, int32_t count, float mass) {
  double total = 0, weighted = 0;
  const float greatest = sorted[0].logit;
  for (int32_t index = 0; index < count; index++) {
    const double weight = fast_exp(sorted[index].logit - greatest);
    total += weight;
    weighted += weight * (sorted[index].logit - greatest);
  }
  /* The entropy is ln(total) - weighted / total; in logits, the typical place is the mean logit. */
  const double centre = greatest + weighted / total;
  /* Both sides of the centre are sorted by distance from it already, so the kept set is a run around it. */
  int32_t upper = 0;
  while (upper < count && sorted[upper].logit >= centre) upper++;
  int32_t first = upper, end = upper;
  double sum = 0;
  while (sum < total * mass && (first > 0 || end < count)) {
    const int takes_upper =
        first > 0 && (end >= count || sorted[first - 1].logit - centre <= centre - sorted[end].logit);
    const int32_t taken = takes_upper ? --first : end++;
    sum += fast_exp(sorted[taken].logit - greatest);
  }
  if (first == end) return count;
  memmove(sorted, sorted + first, (size_t)(end - first) * sizeof *sorted);
  return end - first;
}

static int32_t draw_from(const prsm_candidate *sorted, int32_t count, float temperature, double uniform) {
  const float scale = 1.0f / temperature;
  double total = 0, sum = 0;
  for (int32_t index = 0; index < count; index++) total += fast_exp((sorted[index].logit - sorted[0].logit) * scale);
  for (int32_t index = 0; index < count; index++) {
    sum += fast_exp((sorted[index].logit - sorted[0].logit) * scale);
    if (sum > total * uniform) return sorted[index].token;
  }
  return sorted[count - 1].token;
}

/* The whole distribution, in runs so that finding the place of `uniform` costs one pass over the sums. */
static int32_t draw_from_all(const float *logits, int32_t count, float greatest, float temperature, double uniform) {
  enum { RUN = 256 };
  const float scale = 1.0f / temperature;
  double total = 0;
  for (int32_t start = 0; start < count; start += RUN) {
    const int32_t length = count - start < RUN ? count - start : RUN;
    total += sum_exp(logits + start, length, greatest, scale);
  }
  const double target = total * uniform;
  double sum = 0;
  int32_t likely = -1;
  for (int32_t start = 0; start < count; start += RUN) {
    const int32_t length = count - start < RUN ? count - start : RUN;
    const double run = sum_exp(logits + start, length, greatest, scale);
    if (sum + run > target) {
      for (int32_t index = start; index < start + length; index++) {
        const float weight = fast_exp((logits[index] - greatest) * scale);
        if (!(weight > 0)) continue;
        likely = index;
        sum += weight;
        if (sum > target) return index;
      }
      return likely;
    }
    sum += run;
  }
  return prsm_argmax(logits, count);
}

int32_t prsm_draw(
    const float *logits, int32_t count, const prsm_filters *filters, double uniform, prsm_candidate *scratch) {
  const float greatest = greatest_of(logits, count);
  if (!(greatest > -INFINITY) || greatest == INFINITY) return prsm_argmax(logits, count);
  if (!(filters->temperature > 0)) return prsm_argmax(logits, count);
  const int limits_count = filters->top_k > 0 && filters->top_k < count;
  const int limits_typical = filters->typical_p < 1;
  const int limits_mass = filters->top_p < 1;
  const int limits_least = filters->min_p > 0;
  if (!limits_count && !limits_typical && !limits_mass && !limits_least)
    return draw_from_all(logits, count, greatest, filters->temperature, uniform);

  int32_t kept;
  if (limits_count) {
    kept = select_greatest(logits, count, greatest, filters->top_k, scratch);
  } else if (limits_typical) {
    kept = select_greatest(logits, count, greatest, count, scratch);
  } else if (limits_mass) {
    kept = select_nucleus(logits, count, greatest, filters->top_p, scratch);
  } else {
    const float distance = -logf(filters->min_p < 1 ? filters->min_p : 1.0f) * BUCKETS_A_UNIT;
    const int32_t last = distance < (float)(BUCKETS - 2) ? (int32_t)distance + 1 : BUCKETS - 1;
    kept = collect(logits, count, greatest, last, scratch);
    qsort(scratch, (size_t)kept, sizeof *scratch, descending);
  }
  if (kept <= 0) return prsm_argmax(logits, count);
  if (limits_typical) kept = cut_typical(scratch, kept, filters->typical_p);
  if (limits_mass && (limits_count || limits_typical)) kept = cut_nucleus(scratch, kept, filters->top_p);
  if (limits_least) {
    const float floor = scratch[0].logit + logf(filters->min_p < 1 ? filters->min_p : 1.0f);
    int32_t above = 1;
    while (above < kept && scratch[above].logit >= floor) above++;
    kept = above;
  }
  return draw_from(scratch, kept, filters->temperature, uniform);
}

/* ln of P * ((Q + floor) / (P + floor))^gamma. */
static float guided_score(float p, float q, float gamma, float floor) {
  return p + gamma * (float)(log(exp((double)q) + floor) - log(exp((double)p) + floor));
}

int32_t prsm_guided(
    const float *plain, const float *conditional, int32_t count, float gamma, float floor, float *logprob,
    float *divergence) {
  const float mine = prsm_log_sum_exp(plain, count), theirs = prsm_log_sum_exp(conditional, count);
  if (!(mine > -INFINITY)) return -1;
  if (!(theirs > -INFINITY)) {
    const int32_t token = prsm_argmax(plain, count);
    *logprob = token < 0 ? 0 : plain[token] - mine;
    *divergence = 0;
    return token;
  }
  float lanes[16] = {0};
  int32_t index = 0;
  for (; index + 16 <= count; index += 16)
    for (int lane = 0; lane < 16; lane++)
      lanes[lane] += fabsf(fast_exp(plain[index + lane] - mine) - fast_exp(conditional[index + lane] - theirs));
  double distance = 0;
  for (; index < count; index++) distance += fabsf(fast_exp(plain[index] - mine) - fast_exp(conditional[index] - theirs));
  for (int lane = 0; lane < 16; lane++) distance += lanes[lane];
  *divergence = (float)(distance / 2);
  /* A cheap bound from above, ln(e^q + floor) <= max(q, ln floor) + ln 2, leaves few tokens to be computed exactly. */
  const float edge = logf(floor);
  gamma = gamma > 0 ? gamma : 0;
  const int32_t starts[2] = {prsm_argmax(plain, count), prsm_argmax(conditional, count)};
  float best = -INFINITY;
  int32_t token = -1;
  for (int start = 0; start < 2; start++) {
    if (starts[start] < 0) continue;
    const float score = guided_score(plain[starts[start]] - mine, conditional[starts[start]] - theirs, gamma, floor);
    if (score > best || (score == best && starts[start] < token)) {
      best = score;
      token = starts[start];
    }
  }
  for (index = 0; index < count; index++) {
    const float p = plain[index] - mine, q = conditional[index] - theirs;
    const float above = q > edge ? q : edge, below = p > edge ? p : edge;
    if (!(p + gamma * (above + 0.6932f - below) >= best)) continue;
    const float score = guided_score(p, q, gamma, floor);
    if (score > best || (score == best && index < token)) {
      best = score;
      token = index;
    }
  }
  *logprob = token < 0 ? 0 : plain[token] - mine;
  return token;
}
